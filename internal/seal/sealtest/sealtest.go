// Package sealtest makes audit trails for tests, with a sealer, and changes them.
package sealtest

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/auditentry"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/seal"
	"github.com/paddock-gate/paddock/internal/seal/archive"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/cosign"
	"github.com/paddock-gate/paddock/internal/seal/verify"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// Forged inserts an entry with an id, as SQL has it, and without waiting to be sealed.
const Forged = `INSERT INTO audit_entries (id, event_type, occurred_at, actor_email, ip, user_agent, request_id, outcome, detail)
	SELECT %s, event_type, %s, actor_email, ip, user_agent, request_id, outcome, 'forged' FROM audit_entries ORDER BY id DESC LIMIT 1`

// Trail is an audit trail with a sealer.
type Trail struct {
	URL      string
	Store    *store.Store
	Log      *audit.Log
	Key      *checkpoint.Key
	Sealer   *seal.Sealer
	Deleter  *archive.Deleter
	Cosigner *cosign.Cosigner // nil without a witness
}

// Each runs the test on both databases.
func Each(t *testing.T, test func(t *testing.T, tr *Trail)) {
	storetest.Each(t, func(t *testing.T, url string) { test(t, New(t, url)) })
}

// New returns a new trail in the database.
func New(t testing.TB, url string) *Trail {
	t.Helper()
	tr := &Trail{URL: url, Store: storetest.Open(t, url)}
	tr.Log = audit.Open(tr.Store)
	tr.Restart(NewKey(t))
	return tr
}

// Restart has another process seal the trail with the key, and delete what is archived.
func (tr *Trail) Restart(key *checkpoint.Key) {
	tr.Key, tr.Sealer, tr.Deleter = key, seal.New(tr.Store, tr.Log, key), archive.NewDeleter(tr.Store, tr.Log, key.Verifiers())
}

// NewKey returns a key that continues the checkpoints of the earlier ones.
func NewKey(t testing.TB, earlier ...*checkpoint.Key) *checkpoint.Key {
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

// KeysOf returns the public keys of the keys.
func KeysOf(t testing.TB, keys ...*checkpoint.Key) note.Verifiers {
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

// Write writes n entries.
func (tr *Trail) Write(t testing.TB, n int) {
	t.Helper()
	for i := range n {
		if err := tr.Log.Record(t.Context(), audit.Event{Type: audit.AccessDenied, Detail: fmt.Sprintf("reason \"%d\"\n\x01é", i)}); err != nil {
			t.Fatal(err)
		}
	}
}

// Seal seals all and returns the checkpoint.
func (tr *Trail) Seal(t testing.TB) string {
	t.Helper()
	last := ""
	for {
		signed, err := tr.Sealer.Seal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if signed == "" {
			return last
		}
		last = signed
	}
}

// Verify verifies against the old checkpoint, if it is not empty.
func (tr *Trail) Verify(t testing.TB, old string) (verify.Report, error) {
	t.Helper()
	o := verify.Options{Keys: KeysOf(t, tr.Key), Readers: 2}
	if old != "" {
		o.Old = verify.Notes(old)
	}
	return verify.Trail(t.Context(), tr.Store, o)
}

// WantSound fails the test unless all is as it was sealed.
func (tr *Trail) WantSound(t testing.TB, old string, size int64, waiting int) {
	t.Helper()
	r, err := tr.Verify(t, old)
	if err != nil || len(r.Findings) > 0 || r.Size != size || r.Waiting != waiting {
		t.Fatalf("%d sealed, %d waiting, findings %v, error %v; want %d and %d", r.Size, r.Waiting, r.Findings, err, size, waiting)
	}
}

// Change changes the database as somebody would who has all rights to it: without what protects the trail.
func (tr *Trail) Change(t testing.TB, statements ...string) {
	t.Helper()
	drop := []string{
		"DROP TRIGGER audit_entries_are_immutable ON audit_entries", "DROP TRIGGER audit_entries_are_archived ON audit_entries",
		"DROP TRIGGER audit_entries_wait_to_be_sealed ON audit_entries",
	}
	if tr.Store.Embedded() {
		drop = []string{"DROP TRIGGER audit_entries_refuse_update", "DROP TRIGGER audit_entries_refuse_delete", "DROP TRIGGER audit_entries_wait_to_be_sealed"}
	}
	tr.Exec(t, append(drop, statements...)...)
}

// Exec executes statements of somebody who has all rights to the database.
func (tr *Trail) Exec(t testing.TB, statements ...string) {
	t.Helper()
	err := tr.Log.Unaudited(t.Context(), "for a test", func(ctx context.Context, tx *db.Tx) error {
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

// ExpireTurn ends the turn of whoever has it.
func (tr *Trail) ExpireTurn(t testing.TB) {
	t.Helper()
	tr.Exec(t, `UPDATE seals SET held_until = '2020-01-01 00:00:00+00:00'`)
}

// IDs returns the ids of the entries, the oldest first.
func (tr *Trail) IDs(t *testing.T) []uuid.UUID {
	t.Helper()
	ids, err := tr.Store.AuditEntry.Query().Order(auditentry.ByID()).IDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ids
}
