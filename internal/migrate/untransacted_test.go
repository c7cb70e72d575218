package migrate_test

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	atlas "ariga.io/atlas/sql/migrate"

	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// indexing is a migration that makes an index without holding up writes, as CONTRIBUTING.md tells to.
const indexing = `-- atlas:txmode none

-- Cannot run twice, which shows that it does not.
INSERT INTO roles (id, description, models) VALUES ('indexer', '', NULL);
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "users_display_name" ON "users" ("display_name");
COMMENT ON INDEX "users_display_name" IS 'made';
`

const indexingName = "29990101000000_indexing.sql"

// withIndexing returns all migrations and that one.
func withIndexing(t *testing.T, s *store.Store) atlas.Dir {
	t.Helper()
	return extended(t, s, indexingName, indexing)
}

// extended returns all migrations and another one.
func extended(t *testing.T, s *store.Store, name, content string) atlas.Dir {
	t.Helper()
	dir, err := migrate.Migrations(s.Dialect())
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.WriteFile(name, []byte(content)); err != nil {
		t.Fatal(err)
	}
	sum, err := dir.Checksum()
	if err != nil {
		t.Fatal(err)
	}
	if err := atlas.WriteSumFile(dir, sum); err != nil {
		t.Fatal(err)
	}
	return dir
}

const insertUser = `INSERT INTO users (id, email, display_name, search, active, password_hash, created_at, updated_at)
	VALUES (gen_random_uuid(), $1, $2, '', true, '', now(), now())`

// checkIndexed fails unless the index is there, valid, and the last statement has run.
func checkIndexed(t *testing.T, db *sql.DB) {
	t.Helper()
	var (
		valid   bool
		comment string
	)
	err := db.QueryRow(`SELECT indisvalid, obj_description(indexrelid) FROM pg_index WHERE indexrelid = 'users_display_name'::regclass`).
		Scan(&valid, &comment)
	if err != nil || !valid || comment != "made" {
		t.Errorf("valid %t, comment %q, error %v", valid, comment, err)
	}
}

// waitForIndex waits until the index is being made.
func waitForIndex(t *testing.T, db *sql.DB) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var n int
		if err := db.QueryRow(`SELECT count(*) FROM pg_class WHERE relname = 'users_display_name'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no index is being made")
		}
	}
}

// holdUsers has a transaction write a user and stay open until it is ended: the index waits for it.
func holdUsers(t *testing.T, db *sql.DB) (end func()) {
	t.Helper()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(insertUser, "slow@example.com", "slow"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Commit(); err != nil {
			t.Error(err)
		}
	}
}

// TestUp_ConcurrentIndex has several replicas make an index while a transaction writes: others go on writing.
func TestUp_ConcurrentIndex(t *testing.T) {
	url := storetest.PostgreSQL(t)
	db := raw(t, url)
	end := holdUsers(t, db)
	const replicas = 4
	type result struct {
		applied []string
		err     error
	}
	results := make(chan result, replicas)
	for range replicas {
		s := storetest.Open(t, url)
		dir := withIndexing(t, s)
		go func() {
			applied, err := migrate.UpTo(t.Context(), s, dir)
			results <- result{applied, err}
		}()
	}
	waitForIndex(t, db)
	time.Sleep(1500 * time.Millisecond) // longer than PostgreSQL waits before it looks for a deadlock
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := db.ExecContext(ctx, insertUser, "quick@example.com", "quick"); err != nil {
		t.Errorf("a write meanwhile: %v", err)
	}
	end()
	worked := 0
	for range replicas {
		r := <-results
		if r.err != nil {
			t.Error(r.err)
		}
		worked += len(r.applied)
	}
	if worked != 1 {
		t.Errorf("%d migrations were applied, want one", worked)
	}
	checkIndexed(t, db)
}

// TestUp_ResumesWithoutTransaction checks that a migration outside of a transaction goes on with the statement that failed.
func TestUp_ResumesWithoutTransaction(t *testing.T) {
	for name, interrupt := range map[string]func(t *testing.T, db *sql.DB, up func() error){
		"refused": func(t *testing.T, db *sql.DB, up func() error) { // two users of one name
			mustExec(t, db, insertUser, "a@example.com", "same")
			mustExec(t, db, insertUser, "b@example.com", "same")
			if err := up(); err == nil || !strings.Contains(err.Error(), indexingName) {
				t.Fatalf("got %v", err)
			}
			mustExec(t, db, `UPDATE users SET display_name = email`)
		},
		"killed": func(t *testing.T, db *sql.DB, up func() error) {
			end := holdUsers(t, db)
			failed := make(chan error, 1)
			go func() { failed <- up() }()
			waitForIndex(t, db)
			mustExec(t, db, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE UNIQUE INDEX CONCURRENTLY%'`)
			if err := <-failed; err == nil {
				t.Fatal("no error")
			}
			end()
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := storetest.PostgreSQL(t)
			s, db := storetest.Open(t, url), raw(t, url)
			dir := withIndexing(t, s)
			up := func() error {
				_, err := migrate.UpTo(t.Context(), s, dir)
				return err
			}
			interrupt(t, db, up)
			var valid bool
			if err := db.QueryRow(`SELECT indisvalid FROM pg_index WHERE indexrelid = 'users_display_name'::regclass`).Scan(&valid); err != nil || valid {
				t.Fatalf("the index is valid: %t, %v; want what was left of it", valid, err)
			}
			if applied, err := migrate.UpTo(t.Context(), s, dir); err != nil || !slices.Equal(applied, []string{indexingName}) {
				t.Fatalf("again: applied %v, error %v", applied, err)
			}
			checkIndexed(t, db)
			if again, err := migrate.UpTo(t.Context(), s, dir); err != nil || len(again) > 0 {
				t.Errorf("once more: applied %v, error %v", again, err)
			}
			var failure sql.NullString
			if err := db.QueryRow(`SELECT error FROM atlas_schema_revisions WHERE version = '29990101000000'`).Scan(&failure); err != nil || failure.String != "" {
				t.Errorf("the revision says %q, %v", failure.String, err)
			}
		})
	}
}

// repeatable matches statements that can run twice.
var repeatable = regexp.MustCompile(`(?i)\bIF (NOT )?EXISTS\b|\bON CONFLICT\b.* DO NOTHING\b`)

// TestMigrations_RepeatableWithoutTransaction holds those that run outside of a transaction to what that asks of them.
func TestMigrations_RepeatableWithoutTransaction(t *testing.T) {
	for _, dialect := range []string{"postgres", "sqlite3"} {
		dir, err := migrate.Migrations(dialect)
		if err != nil {
			t.Fatal(err)
		}
		files, err := dir.Files()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			statements, err := f.Stmts()
			if err != nil {
				t.Fatal(err)
			}
			for _, statement := range statements {
				if strings.Contains(string(f.Bytes()), "-- atlas:txmode none") && !repeatable.MatchString(statement) {
					t.Errorf("%s, %s: may run twice after a crash, and says no IF NOT EXISTS or the like:\n%s", dialect, f.Name(), statement)
				}
			}
		}
	}
}
