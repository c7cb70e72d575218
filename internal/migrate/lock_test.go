package migrate_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"ariga.io/atlas/sql/postgres"

	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func TestUp_WaitsForAtlasLock(t *testing.T) {
	url := storetest.EmptyPostgreSQL(t)
	conn, err := raw(t, url).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	atlas, err := postgres.Open(conn)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := atlas.Lock(t.Context(), "atlas_migrate_execute", 0)
	if err != nil {
		t.Fatal(err)
	}
	migrated := make(chan error, 1)
	s := storetest.Open(t, url)
	go func() {
		_, err := migrate.Up(t.Context(), s)
		migrated <- err
	}()
	select {
	case err := <-migrated:
		t.Fatalf("did not wait (%v)", err)
	case <-time.After(300 * time.Millisecond):
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-migrated; err != nil {
		t.Error(err)
	}
}

// TestUp_LockedTable: calls do not queue behind a migration that waits for a table which a backup, say, has locked.
func TestUp_LockedTable(t *testing.T) {
	url := storetest.PostgreSQL(t)
	db := raw(t, url)
	for _, undo := range undoLast(url) {
		mustExec(t, db, undo)
	}
	mustExec(t, db, `DELETE FROM atlas_schema_revisions WHERE version = (SELECT max(version) FROM atlas_schema_revisions)`)
	// As if it changed the table.
	mustExec(t, db, `CREATE FUNCTION change() RETURNS event_trigger LANGUAGE plpgsql AS $$
		BEGIN IF current_query() NOT LIKE '%atlas_schema_revisions%' THEN LOCK TABLE users IN ACCESS EXCLUSIVE MODE; END IF; END $$;
		CREATE EVENT TRIGGER change ON ddl_command_start EXECUTE FUNCTION change()`)
	backup, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer backup.Rollback()
	if _, err := backup.Exec(`LOCK TABLE users IN ACCESS SHARE MODE`); err != nil {
		t.Fatal(err)
	}
	migrated := make(chan error, 1)
	s := storetest.Open(t, url)
	go func() {
		_, err := migrate.Up(t.Context(), s)
		migrated <- err
	}()
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond) // lockWait, and a busy machine
		_, err := db.ExecContext(ctx, `SELECT count(*) FROM users`)
		cancel()
		if err != nil {
			t.Fatalf("a call waits too long: %v", err)
		}
	}
	select {
	case err := <-migrated:
		t.Fatalf("did not wait: %v", err)
	default:
	}
	if err := backup.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-migrated; err != nil {
		t.Error(err)
	}
}

// TestUp_SaysWhatItWaitsFor: who looks at the log of a program that waits learns why.
func TestUp_SaysWhatItWaitsFor(t *testing.T) {
	url := storetest.EmptyPostgreSQL(t)
	other, err := raw(t, url).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	atlas, err := postgres.Open(other)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := atlas.Lock(t.Context(), "atlas_migrate_execute", 0)
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 16)
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(writerFunc(func(line string) {
		select {
		case said <- line:
		default: // enough was said
		}
	}), nil)))
	defer slog.SetDefault(before)
	defer migrate.SaySoon()()
	migrated := make(chan error, 1)
	s := storetest.Open(t, url)
	go func() {
		_, err := migrate.Up(t.Context(), s)
		migrated <- err
	}()
	for range 2 {
		if line := <-said; !strings.Contains(line, `msg=waiting for="another program to end its migration of the database" waited=`) {
			t.Errorf("said %s", line)
		}
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-migrated; err != nil {
		t.Error(err)
	}
}

type writerFunc func(string)

func (f writerFunc) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}
