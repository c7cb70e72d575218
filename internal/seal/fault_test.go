package seal

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/verify"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// sealed is a trail with sealed entries.
type sealed struct {
	store  *store.Store
	log    *audit.Log
	key    *checkpoint.Key
	sealer *Sealer
}

func eachSealed(t *testing.T, entries int, test func(t *testing.T, s *sealed)) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := &sealed{store: storetest.Open(t, url), key: testKey(t)}
		s.log = audit.Open(s.store)
		s.sealer = New(s.store, s.log, s.key)
		s.write(t, entries)
		s.seal(t)
		test(t, s)
	})
}

func (s *sealed) write(t *testing.T, entries int) {
	t.Helper()
	for range entries {
		if err := s.log.Record(t.Context(), audit.Event{Type: audit.AccessDenied}); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *sealed) seal(t *testing.T) (signed string) {
	t.Helper()
	signed, err := s.sealer.Seal(t.Context())
	if err != nil || signed == "" {
		t.Fatalf("not sealed: %v", err)
	}
	return signed
}

// exec executes statements of somebody who has all rights to the database.
func (s *sealed) exec(t *testing.T, statements ...string) {
	t.Helper()
	err := s.log.Unaudited(t.Context(), "an attack", func(ctx context.Context, tx *db.Tx) error {
		for _, statement := range statements {
			if _, err := store.Exec(ctx, tx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// dropProtection drops what keeps entries from being deleted.
func (s *sealed) dropProtection(t *testing.T) {
	t.Helper()
	if s.store.Embedded() {
		s.exec(t, "DROP TRIGGER audit_entries_refuse_delete")
	} else {
		s.exec(t, "DROP TRIGGER audit_entries_are_immutable ON audit_entries", "DROP TRIGGER audit_entries_are_archived ON audit_entries")
	}
}

func (s *sealed) fault(t *testing.T) string {
	t.Helper()
	return s.store.Seal.Query().OnlyX(t.Context()).Fault
}

// TestSeal_RolledBack: the database is back at an earlier checkpoint, as after a failover that has lost entries. The sealer that has
// seen more says so, also where the page shows it, and gives its turn to others; what it verifies is not sound either.
func TestSeal_RolledBack(t *testing.T) {
	eachSealed(t, 3, func(t *testing.T, s *sealed) {
		_, first := s.sealer.lastSeen()
		last := s.store.AuditEntry.Query().IDsX(t.Context())
		s.write(t, 2)
		s.seal(t)
		kept := make([]string, len(last))
		for i, id := range last {
			kept[i] = "'" + id.String() + "'"
		}
		s.dropProtection(t)
		s.exec(t, `DELETE FROM audit_entries WHERE id NOT IN (`+strings.Join(kept, ", ")+`)`, `UPDATE seals SET size = 3, checkpoint = '`+first+`'`)
		if err := s.sealer.verifyIfDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if fault := s.fault(t); !strings.Contains(fault, checkpoint.ErrTruncated.Error()) {
			t.Errorf("verified: fault %q, want %q", fault, checkpoint.ErrTruncated)
		}
		s.exec(t, `UPDATE seals SET fault = ''`)
		s.write(t, 1)
		s.sealer.sealAndLog(t.Context(), "")
		if fault := s.fault(t); !strings.Contains(fault, checkpoint.ErrTruncated.Error()) {
			t.Errorf("sealed: fault %q, want %q", fault, checkpoint.ErrTruncated)
		}
		if signed, err := New(s.store, s.log, s.key).Seal(t.Context()); err != nil || signed == "" {
			t.Errorf("the turn was not given to another: %q, %v", signed, err)
		}
	})
}

// TestVerify_HeadLost: without its head, what was sealed is a fault, although nothing is sealed.
func TestVerify_HeadLost(t *testing.T) {
	eachSealed(t, 3, func(t *testing.T, s *sealed) {
		s.exec(t, `DELETE FROM seals`)
		if _, err := verify.Trail(t.Context(), s.store, verify.Options{Keys: s.key.Verifiers()}); !errors.Is(err, checkpoint.ErrTruncated) {
			t.Errorf("got %v, want checkpoint.ErrTruncated", err)
		}
		if err := New(s.store, s.log, s.key).verifyIfDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if fault := s.fault(t); !strings.Contains(fault, checkpoint.ErrTruncated.Error()) {
			t.Errorf("fault %q, want %q", fault, checkpoint.ErrTruncated)
		}
	})
}

// TestVerifyDue_ManyWaiting: while many entries wait, of which verifying holds each in memory, it is not due.
func TestVerifyDue_ManyWaiting(t *testing.T) {
	eachSealed(t, 1, func(t *testing.T, s *sealed) {
		rows := make([][]any, maxWaiting+1)
		for i := range rows {
			rows[i] = []any{uuid.New()}
		}
		err := s.log.Unaudited(t.Context(), "a backlog", func(ctx context.Context, tx *db.Tx) error {
			return store.SendRows(ctx, tx, `INSERT INTO unsealed_entries (id) VALUES `, rows, ``)
		})
		if err != nil {
			t.Fatal(err)
		}
		want := func(want bool) {
			t.Helper()
			if due, err := s.sealer.verifyDue(t.Context(), store.Now()); err != nil || due != want {
				t.Errorf("due: %v, %v; want %v", due, err, want)
			}
		}
		want(false)
		s.exec(t, `DELETE FROM unsealed_entries WHERE id = (SELECT id FROM unsealed_entries ORDER BY id LIMIT 1)`)
		want(true)
	})
}
