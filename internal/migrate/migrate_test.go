package migrate_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/sqlitefile"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// eachEmpty runs the test on an empty database of either kind.
func eachEmpty(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, storetest.EmptySQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, storetest.EmptyPostgreSQL(t)) })
}

// raw opens the database without the store, as a stranger would.
func raw(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite://"); ok {
		driver, dsn = "sqlite", path+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func mustExec(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func TestUp_EmptyDatabase(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		if err := migrate.Check(t.Context(), s); !errors.Is(err, migrate.ErrBehind) || !strings.Contains(err.Error(), "paddock migrate") {
			t.Fatalf("an empty database: got %v, want ErrSchemaBehind and the command to run", err)
		}
		before, err := migrate.Compare(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		applied, err := migrate.Up(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if len(applied) == 0 || !slices.Equal(applied, before.Pending) {
			t.Errorf("applied %v, pending were %v", applied, before.Pending)
		}
		after, err := migrate.Compare(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if after.Current != after.Latest || after.Ahead || len(after.Pending) > 0 {
			t.Errorf("after migrating: %+v", after)
		}
		if again, err := migrate.Up(t.Context(), s); err != nil || len(again) > 0 {
			t.Errorf("the second time: applied %v, error %v", again, err)
		}
		if err := migrate.Check(t.Context(), s); err != nil {
			t.Error(err)
		}
	})
}

func TestUp_ConcurrentReplicas(t *testing.T) {
	url := storetest.EmptyPostgreSQL(t)
	const replicas = 4
	var (
		wg      sync.WaitGroup
		applied [replicas][]string
		errs    [replicas]error
	)
	for i := range replicas {
		s := storetest.Open(t, url)
		wg.Go(func() { applied[i], errs[i] = migrate.Up(t.Context(), s) })
	}
	wg.Wait()
	worked := 0
	for i := range replicas {
		if errs[i] != nil {
			t.Errorf("replica %d: %v", i, errs[i])
		}
		if len(applied[i]) > 0 {
			worked++
		}
	}
	if worked != 1 {
		t.Errorf("%d replicas applied migrations, want one: %v", worked, applied)
	}
}

func TestUp_OlderSchema(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		db := raw(t, url)
		for _, undo := range undoLast(url) {
			mustExec(t, db, undo)
		}
		mustExec(t, db, `DELETE FROM atlas_schema_revisions WHERE version = (SELECT max(version) FROM atlas_schema_revisions)`)
		if err := migrate.Check(t.Context(), s); !errors.Is(err, migrate.ErrBehind) {
			t.Fatalf("got %v, want ErrSchemaBehind", err)
		}
		applied, err := migrate.Up(t.Context(), s)
		if err != nil || len(applied) != 1 {
			t.Errorf("applied %v, error %v, want one migration", applied, err)
		}
	})
}

// undoLast returns what takes back what the last migration made.
func undoLast(url string) []string {
	undo := []string{
		`DELETE FROM migration_compatibility WHERE version = (SELECT max(version) FROM migration_compatibility)`,
		`DROP TABLE audit_archives`,
	}
	if strings.HasPrefix(url, "postgres") {
		undo = append(undo, `DROP FUNCTION audit_entries_are_archived, delete_archived_audit_entries, audit_archives_are_immutable CASCADE`)
	}
	return undo
}

// TestUp_SearchOfEarlierUsers: the embedded database's index of trigrams has the users from before it, too.
func TestUp_SearchOfEarlierUsers(t *testing.T) {
	url := storetest.SQLite(t)
	s, db := storetest.Open(t, url), raw(t, url)
	for _, undo := range append(undoLast(url), `DROP TRIGGER new_users_are_indexed`, `DROP TRIGGER changed_users_are_indexed`,
		`DROP TRIGGER deleted_users_are_not_indexed`, `DROP TABLE user_trigrams`, `DROP TABLE user_numbers`) {
		mustExec(t, db, undo)
	}
	mustExec(t, db, `DELETE FROM migration_compatibility WHERE version >= '20261129214600'`)
	mustExec(t, db, `DELETE FROM atlas_schema_revisions WHERE version >= '20261129214600'`)
	mustExec(t, db, `INSERT INTO users (id, email, search, created_at, updated_at) VALUES ('019b0000-0000-7000-8000-000000000001', 'a', 'ada@example.com', '', '')`)
	if _, err := migrate.Up(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"da@ex": 1, "eva": 0} {
		if ids, _, err := s.FindUsers(t.Context(), text, 10); err != nil || len(ids) != want {
			t.Errorf("%q finds %v, %v", text, ids, err)
		}
	}
}

func TestUp_RetryAfterFailure(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		db := raw(t, url)
		// What is in the way of the migration's second statement, and how to remove it.
		obstacle := `CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
			BEGIN RAISE 'out of luck'; END $$;
			CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE TRIGGER') EXECUTE FUNCTION refuse()`
		remedy := `DROP EVENT TRIGGER refuse`
		if strings.HasPrefix(url, "sqlite") {
			obstacle = `CREATE VIEW v AS SELECT 1;
				CREATE TRIGGER audit_entries_refuse_delete INSTEAD OF DELETE ON v BEGIN SELECT 1; END`
			remedy = `DROP VIEW v`
		}
		mustExec(t, db, obstacle)
		applied, err := migrate.Up(t.Context(), s)
		if err == nil || !strings.Contains(err.Error(), "audit_entries_are_immutable.sql") || len(applied) != 1 {
			t.Fatalf("applied %v, got %v, want the first migration and an error that names the second", applied, err)
		}
		if err := migrate.Check(t.Context(), s); !errors.Is(err, migrate.ErrBehind) {
			t.Errorf("after the failure: got %v, want ErrSchemaBehind", err)
		}
		mustExec(t, db, remedy)
		// The first statement would fail, had it been kept.
		if applied, err := migrate.Up(t.Context(), s); err != nil || len(applied) == 0 {
			t.Errorf("again: applied %v, error %v", applied, err)
		}
	})
}

func TestUp_PartlyAppliedMigration(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		mustExec(t, raw(t, url), `UPDATE atlas_schema_revisions SET applied = 1, total = 2, error = 'deadlock detected'
			WHERE version = (SELECT max(version) FROM atlas_schema_revisions)`)
		err := migrate.Check(t.Context(), s)
		if !errors.Is(err, migrate.ErrBroken) || !strings.Contains(err.Error(), "deadlock detected") {
			t.Errorf("check: got %v, want ErrSchemaBroken and the cause", err)
		}
		if _, err := migrate.Up(t.Context(), s); !errors.Is(err, migrate.ErrBroken) {
			t.Errorf("migrate: got %v, want ErrSchemaBroken", err)
		}
	})
}

func TestUp_ForeignDatabase(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		mustExec(t, raw(t, url), `CREATE TABLE invoices (id int)`)
		if _, err := migrate.Up(t.Context(), s); err == nil || !strings.Contains(err.Error(), "invoices") {
			t.Errorf("got %v, want an error that names the table", err)
		}
	})
}

func TestUp_OtherSchemas(t *testing.T) {
	url := storetest.EmptyPostgreSQL(t)
	mustExec(t, raw(t, url), `CREATE SCHEMA cron; CREATE TABLE cron.jobs (id int)`)
	if _, err := migrate.Up(t.Context(), storetest.Open(t, url)); err != nil {
		t.Error(err)
	}
}

func TestUp_SlowStatement(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 6 s")
	}
	url := storetest.EmptyPostgreSQL(t)
	mustExec(t, raw(t, url), `CREATE FUNCTION dawdle() RETURNS event_trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM pg_sleep(5.5); END $$;
		CREATE EVENT TRIGGER dawdle ON ddl_command_start WHEN TAG IN ('CREATE TRIGGER') EXECUTE FUNCTION dawdle()`)
	if _, err := migrate.Up(t.Context(), storetest.Open(t, url)); err != nil {
		t.Error(err)
	}
}

func TestSQLite_FilePermissions(t *testing.T) {
	dir := t.TempDir()
	if _, err := migrate.Up(t.Context(), storetest.Open(t, "sqlite://"+filepath.Join(dir, "paddock.db"))); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
}

func TestSQLite_SecondServer(t *testing.T) {
	url := storetest.SQLite(t)
	first := storetest.Open(t, url)
	if _, err := store.Open(t.Context(), url); !errors.Is(err, sqlitefile.ErrInUse) {
		t.Fatalf("got %v, want ErrInUse", err)
	}
	if err := first.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
