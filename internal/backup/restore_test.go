package backup_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/ent"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/backup"
	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store/sqlitefile"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// backedUp returns a backup of a database with so many users.
func backedUp(t *testing.T, users int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backup.db")
	if err := backup.Create(t.Context(), embedded(t, users), path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRestore_NewFolder(t *testing.T) {
	file, path := backedUp(t, 3), filepath.Join(t.TempDir(), "data", "paddock.db")
	r, err := backup.Restore(t.Context(), file, path, backup.Options{Operator: "root@db1"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Users != 3 || r.Until.IsZero() || r.Kept != "" || len(r.Migrated) > 0 {
		t.Errorf("restored %+v", r)
	}
	s := storetest.Open(t, "sqlite://"+path)
	if err := migrate.Check(t.Context(), s); err != nil {
		t.Error(err)
	}
	entries := s.AuditEntry.Query().AllX(t.Context())
	last := entries[len(entries)-1]
	if len(entries) != 4 || last.EventType != string(audit.Bootstrap) || !strings.Contains(last.Detail, "root@db1") {
		t.Errorf("%d entries, the last one is %v", len(entries), last)
	}
	if names := listed(t, filepath.Dir(path)); slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "restore") }) {
		t.Errorf("left behind: %v", names)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if n := users(t, file); n != 3 {
		t.Errorf("the backup has %d users now", n)
	}
}

func TestRestore_ServerRunning(t *testing.T) {
	file, path := backedUp(t, 3), embedded(t, 1)
	storetest.Open(t, "sqlite://"+path)
	_, err := backup.Restore(t.Context(), file, path, backup.Options{Replace: true})
	if !errors.Is(err, sqlitefile.ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
	if n := users(t, path); n != 1 {
		t.Errorf("now there are %d users", n)
	}
}

func TestRestore_NotEmpty(t *testing.T) {
	file, path := backedUp(t, 3), embedded(t, 1)
	if _, err := backup.Restore(t.Context(), file, path, backup.Options{}); !errors.Is(err, backup.ErrNotEmpty) {
		t.Fatalf("got %v, want ErrNotEmpty", err)
	}
	r, err := backup.Restore(t.Context(), file, path, backup.Options{Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	if before, after := users(t, r.Kept), users(t, path); before != 1 || after != 3 {
		t.Errorf("%d users in the old one, %d in the new one", before, after)
	}
}

// crashed returns the path of a database as a server leaves it that was killed: its changes are in the -wal alone.
func crashed(t *testing.T) string {
	t.Helper()
	url := storetest.SQLite(t)
	s := storetest.Open(t, url)
	if err := addUser(t.Context(), audit.Open(s), "user@example.com"); err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(url, "sqlite://")
	copied := filepath.Join(t.TempDir(), "paddock.db")
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + suffix)
		if err == nil {
			err = os.WriteFile(copied+suffix, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return copied
}

func TestRestore_OverKilledServer(t *testing.T) {
	file, path := backedUp(t, 3), crashed(t)
	r, err := backup.Restore(t.Context(), file, path, backup.Options{Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	if before, after := users(t, r.Kept), users(t, path); before != 1 || after != 3 {
		t.Errorf("%d users in the old one, %d in the new one", before, after)
	}
}

// TestRestore_ChangesOfAnother covers a -wal whose database was deleted: SQLite would read it into any other.
func TestRestore_ChangesOfAnother(t *testing.T) {
	file, path := backedUp(t, 3), crashed(t)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Restore(t.Context(), file, path, backup.Options{}); err != nil {
		t.Fatal(err)
	}
	if n := users(t, path); n != 3 {
		t.Errorf("%d users, want 3", n)
	}
	if err := sqlitefile.Verify(t.Context(), path); err != nil {
		t.Error(err)
	}
}

func TestRestore_OverDamagedDatabase(t *testing.T) {
	file, path := backedUp(t, 3), embedded(t, 500)
	if err := os.WriteFile(path, []byte(strings.Repeat("no database. ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := backup.Restore(t.Context(), file, path, backup.Options{Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := users(t, path); n != 3 {
		t.Errorf("%d users, want 3", n)
	}
	if content, err := os.ReadFile(r.Kept); err != nil || !strings.HasPrefix(string(content), "no database") {
		t.Errorf("the old one is %.20q, %v", content, err)
	}
}

func TestRestore_UnfitBackup(t *testing.T) {
	damaged := backedUp(t, 500)
	damage(t, damaged)
	newer := backedUp(t, 1)
	run(t, newer, `INSERT INTO atlas_schema_revisions SELECT '29991231235959', 'future', type, applied, total, executed_at,
		execution_time, error, error_stmt, hash, partial_hashes, operator_version FROM atlas_schema_revisions LIMIT 1`)
	orphans := backedUp(t, 1)
	run(t, orphans, `INSERT INTO user_roles (user_id, role_id) VALUES ('0', 'admin')`)
	foreign := filepath.Join(t.TempDir(), "invoices.db")
	run(t, foreign, `CREATE TABLE invoices (id int)`)
	blank := filepath.Join(t.TempDir(), "blank.db")
	run(t, blank, `PRAGMA user_version = 1`)
	text := filepath.Join(t.TempDir(), "text.db")
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := errors.Join(os.WriteFile(text, []byte(strings.Repeat("text ", 999)), 0o600), os.WriteFile(empty, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ file, want string }{
		"damaged":  {damaged, "is damaged"},
		"newer":    {newer, "newer than this program"},
		"orphans":  {orphans, "a row of user_roles refers to a missing one"},
		"foreign":  {foreign, "invoices"},
		"blank":    {blank, "no table of Paddock's"},
		"text":     {text, "no database"},
		"empty":    {empty, "is empty"},
		"absent":   {filepath.Join(t.TempDir(), "absent.db"), "no such file"},
		"a folder": {t.TempDir(), "is no file"},
	} {
		path := embedded(t, 1)
		before := listed(t, filepath.Dir(path))
		_, err := backup.Restore(t.Context(), c.file, path, backup.Options{Replace: true})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if after := listed(t, filepath.Dir(path)); users(t, path) != 1 || !slices.Equal(before, after) {
			t.Errorf("%s: the folder holds %v, before %v", name, after, before)
		}
		absent := filepath.Join(t.TempDir(), "data", "paddock.db")
		if _, err := backup.Restore(t.Context(), c.file, absent, backup.Options{}); err == nil {
			t.Errorf("%s: restored where nothing was", name)
		}
		if _, err := os.Stat(absent); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func run(t *testing.T, path, statement string) {
	t.Helper()
	conn := open(t, path)
	if _, err := conn.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRestore_OlderSchema(t *testing.T) {
	file, path := firstSchema(t), filepath.Join(t.TempDir(), "paddock.db")
	r, err := backup.Restore(t.Context(), file, path, backup.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Migrated) < 3 || r.Users != 1 {
		t.Errorf("restored %+v, want a user and several migrations", r)
	}
	if err := migrate.Check(t.Context(), storetest.Open(t, "sqlite://"+path)); err != nil {
		t.Error(err)
	}
}

// firstSchema returns a database to which only the first migration has been applied.
func firstSchema(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "old.db")
	first, err := ent.Migrations.ReadFile("migrations/sqlite/20261122222141_init.sql")
	if err != nil {
		t.Fatal(err)
	}
	now := embedded(t, 0)
	var revisions string
	if err := open(t, now).QueryRow(`SELECT sql FROM sqlite_master WHERE name = 'atlas_schema_revisions'`).Scan(&revisions); err != nil {
		t.Fatal(err)
	}
	run(t, path, string(first)+revisions+`;
		ATTACH '`+now+`' AS now;
		INSERT INTO atlas_schema_revisions SELECT * FROM now.atlas_schema_revisions ORDER BY version LIMIT 1;
		INSERT INTO users (id, email, created_at, updated_at) VALUES ('00000000-0000-7000-8000-000000000001', 'a@example.com',
			'2026-11-22 10:00:00+00:00', '2026-11-22 10:00:00+00:00')`)
	return path
}
