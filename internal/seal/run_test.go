package seal

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestRun_Verifies: what the server finds by itself is kept, and is in its log.
func TestRun_Verifies(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		log := audit.Open(s)
		sealer := New(s, log, testKey(t))
		var out bytes.Buffer
		sealer.logger = slog.New(slog.NewTextHandler(&out, nil))
		if err := log.Record(t.Context(), audit.Event{Type: audit.AccessDenied}); err != nil {
			t.Fatal(err)
		}
		sealer.sealAndLog(t.Context(), "")
		if !strings.Contains(out.String(), "audit trail sealed") || !strings.Contains(out.String(), `checkpoint="example.com/paddock\n1\n`) {
			t.Errorf("log: %s", out.String())
		}
		verify := func() *db.Seal {
			if err := sealer.verifyIfDue(t.Context()); err != nil {
				t.Fatal(err)
			}
			return s.Seal.Query().OnlyX(t.Context())
		}
		first := verify()
		if first.VerifiedAt == nil || first.VerifiedSize != 1 || first.Fault != "" {
			t.Fatalf("verified: %v", first)
		}
		if again := verify(); !again.VerifiedAt.Equal(*first.VerifiedAt) {
			t.Error("verifies twice within the hour")
		}
		disarm := "DROP TRIGGER audit_entries_are_immutable ON audit_entries"
		if s.Embedded() {
			disarm = "DROP TRIGGER audit_entries_refuse_update"
		}
		err := log.Unaudited(t.Context(), "an attack", func(ctx context.Context, tx *db.Tx) error {
			for _, statement := range []string{disarm, `UPDATE audit_entries SET detail = 'x'`} {
				if _, err := store.Exec(ctx, tx, statement); err != nil {
					return err
				}
			}
			return store.Send(ctx, tx, `UPDATE seals SET verified_at = $1`, store.Now().Add(-2*time.Hour))
		})
		if err != nil {
			t.Fatal(err)
		}
		if found := verify(); !strings.Contains(found.Fault, "changed entry") || !strings.Contains(out.String(), "audit trail has been changed") {
			t.Errorf("fault %q, log %s", found.Fault, out.String())
		}
	})
}

// TestLag: how long the oldest entry waits, until it is sealed.
func TestLag(t *testing.T) {
	eachSealed(t, 1, func(t *testing.T, s *sealed) {
		want := func(least, most time.Duration) {
			t.Helper()
			if lag, err := s.sealer.Lag(t.Context()); err != nil || lag < least || lag > most {
				t.Errorf("%v, %v; want between %v and %v", lag, err, least, most)
			}
		}
		want(0, 0)
		s.write(t, 2)
		time.Sleep(50 * time.Millisecond)
		want(50*time.Millisecond, 20*time.Second)
		s.seal(t)
		want(0, 0)
	})
}
