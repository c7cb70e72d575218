package apptest_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/janitor"
	"github.com/paddock-gate/paddock/internal/seal"
	"github.com/paddock-gate/paddock/internal/seal/archive"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/export"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestRoles_Archive: paddock_migrate archives, paddock_app deletes what is archived and old, and neither can do more.
func TestRoles_Archive(t *testing.T) {
	t.Parallel()
	database := storetest.NewCluster(t).EmptyDatabase(t)
	makeRoles(t, database)
	migrateAsOwner(t, database)
	app, owner := asRole(t, database, appRole), asRole(t, database, ownerRole)
	const forge = `INSERT INTO audit_archives (id, size, through, record, archived_at) VALUES ('0', 9, 'ffffffff-ffff-7fff-bfff-ffffffffffff', '', now())`
	if err := runSQL(t, app, forge); !isRefused(err, "42501") {
		t.Errorf("%s, before its rights are set again: %v", appRole, err)
	}
	makeRoles(t, database)
	const (
		oldID   = "01900000-0000-7000-8000-000000000001" // of June 2024
		youngID = "01900000-0000-7000-8000-000000000002"
		laterID = "01900000-0000-7000-8000-000000000003"
		add     = `INSERT INTO audit_entries (id, event_type, occurred_at, actor_email, ip, user_agent, request_id, outcome, detail) VALUES `
		values  = `', 'logout', now() - interval '1 day' * `
		rest    = `, '', '', '', '', 'success', '')`
	)
	must(t, runSQL(t, app, add+`('`+oldID+values+`100`+rest+`, ('`+youngID+values+`29`+rest))

	text, _, err := checkpoint.GenerateKey("example.com")
	must(t, err)
	key, err := checkpoint.NewKey(text)
	must(t, err)
	served := storetest.Open(t, app)
	log := audit.Open(served)
	sealer := seal.New(served, log, key)
	_, err = sealer.Seal(t.Context())
	must(t, err)
	if _, err := export.Archive(t.Context(), served, log, key, filepath.Join(t.TempDir(), "a"), ""); !isRefused(err, "42501") {
		t.Errorf("%s archives: %v", appRole, err)
	}
	for _, statement := range []string{
		forge,
		`UPDATE audit_archives SET size = 9`, `DELETE FROM audit_archives`, `TRUNCATE audit_archives`,
	} {
		if err := runSQL(t, app, statement); !isRefused(err, "42501") {
			t.Errorf("%s: %s: %v", appRole, statement, err)
		}
	}
	deleting := func(id string) string {
		return `SELECT delete_archived_audit_entries(ARRAY['` + id + `']::uuid[], now())`
	}
	if err := runSQL(t, app, deleting(oldID)); !isRefused(err, "23001") {
		t.Errorf("without an archive: %v", err)
	}

	owned := storetest.Open(t, owner)
	_, err = export.Archive(t.Context(), owned, audit.Open(owned), key, filepath.Join(t.TempDir(), "a"), "")
	must(t, err)
	must(t, runSQL(t, app, add+`('`+laterID+values+`100`+rest))
	for what, id := range map[string]string{"young": youngID, "not archived": laterID} {
		if err := runSQL(t, app, deleting(id)); !isRefused(err, "23001") {
			t.Errorf("%s deletes what is %s: %v", appRole, what, err)
		}
	}
	for _, statement := range []string{`DELETE FROM audit_entries WHERE id = '` + youngID + `'`, `TRUNCATE audit_entries`, `UPDATE audit_archives SET size = 9`} {
		if err := runSQL(t, owner, statement); !isRefused(err, "23001") {
			t.Errorf("%s: %s: %v", ownerRole, statement, err)
		}
	}
	j := janitor.New(served, log, config.Retain{Audit: 90 * 24 * time.Hour})
	j.DeleteArchived = archive.NewDeleter(served, log, key.Verifiers()).Delete
	if n, err := j.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("the janitor deleted %d, %v; want the old one", n, err)
	}
}

func isRefused(err error, code string) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == code
}
