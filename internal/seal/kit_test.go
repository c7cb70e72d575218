package seal_test

import (
	"context"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/seal"
	"github.com/paddock-gate/paddock/internal/seal/archive"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// trail is an audit trail with a sealer.
type trail struct {
	url     string
	store   *store.Store
	log     *audit.Log
	key     *checkpoint.Key
	sealer  *seal.Sealer
	deleter *archive.Deleter
}

func each(t *testing.T, test func(t *testing.T, tr *trail)) {
	storetest.Each(t, func(t *testing.T, url string) { test(t, newTrail(t, url)) })
}

func newTrail(t testing.TB, url string) *trail {
	t.Helper()
	key, s := newKey(t), storetest.Open(t, url)
	log := audit.Open(s)
	return &trail{url: url, store: s, log: log, key: key, sealer: seal.New(s, log, key), deleter: archive.NewDeleter(s, log, key.Verifiers())}
}

// newKey returns a key that continues the checkpoints of the earlier ones.
func newKey(t testing.TB, earlier ...*checkpoint.Key) *checkpoint.Key {
	t.Helper()
	text, _, err := checkpoint.GenerateKey("example.com/paddock")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range earlier {
		text += " " + k.Public()
	}
	key, err := checkpoint.NewKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keysOf(t testing.TB, keys ...*checkpoint.Key) note.Verifiers {
	t.Helper()
	var known []note.Verifier
	for _, k := range keys {
		v, err := note.NewVerifier(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		known = append(known, v)
	}
	return note.VerifierList(known...)
}

// write writes n entries.
func (tr *trail) write(t testing.TB, n int) {
	t.Helper()
	for i := range n {
		if err := tr.log.Record(t.Context(), audit.Event{Type: audit.AccessDenied, Detail: fmt.Sprintf("reason \"%d\"\n\x01é", i)}); err != nil {
			t.Fatal(err)
		}
	}
}

// seal seals all and returns the checkpoint.
func (tr *trail) seal(t testing.TB) string {
	t.Helper()
	last := ""
	for {
		signed, err := tr.sealer.Seal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if signed == "" {
			return last
		}
		last = signed
	}
}

// verify verifies against the old checkpoint, if it is not empty.
func (tr *trail) verify(t testing.TB, old string) (seal.Report, error) {
	t.Helper()
	o := seal.Options{Keys: keysOf(t, tr.key), Readers: 2}
	if old != "" {
		o.Old = seal.Notes(old)
	}
	return seal.Verify(t.Context(), tr.store, o)
}

// wantSound fails the test unless all is as it was sealed.
func (tr *trail) wantSound(t testing.TB, old string, size int64, waiting int) {
	t.Helper()
	r, err := tr.verify(t, old)
	if err != nil || len(r.Findings) > 0 || r.Size != size || r.Waiting != waiting {
		t.Fatalf("%d sealed, %d waiting, findings %v, error %v; want %d and %d", r.Size, r.Waiting, r.Findings, err, size, waiting)
	}
}

// change changes the database as somebody would who has all rights to it: without what protects the trail.
func (tr *trail) change(t testing.TB, statements ...string) {
	t.Helper()
	drop := []string{
		"DROP TRIGGER audit_entries_are_immutable ON audit_entries", "DROP TRIGGER audit_entries_are_archived ON audit_entries",
		"DROP TRIGGER audit_entries_wait_to_be_sealed ON audit_entries",
	}
	if tr.store.Embedded() {
		drop = []string{"DROP TRIGGER audit_entries_refuse_update", "DROP TRIGGER audit_entries_refuse_delete", "DROP TRIGGER audit_entries_wait_to_be_sealed"}
	}
	tr.exec(t, append(drop, statements...)...)
}

func (tr *trail) exec(t testing.TB, statements ...string) {
	t.Helper()
	err := tr.log.Unaudited(t.Context(), "for a test", func(ctx context.Context, tx *db.Tx) error {
		for _, s := range statements {
			if _, err := store.Exec(ctx, tx, s); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// expireTurn ends the turn of whoever has it.
func (tr *trail) expireTurn(t testing.TB) {
	t.Helper()
	tr.exec(t, `UPDATE seals SET held_until = '2020-01-01 00:00:00+00:00'`)
}
