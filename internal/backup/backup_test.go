package backup_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/backup"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// embedded makes a migrated database that is not open, with users of which each has its audit entry, and returns its path.
func embedded(t *testing.T, users int) string {
	t.Helper()
	url := storetest.SQLite(t)
	s := storetest.Open(t, url)
	log := audit.Open(s)
	for i := range users {
		if err := addUser(t.Context(), log, fmt.Sprintf("user%d@example.com", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(url, "sqlite://")
}

func addUser(ctx context.Context, log *audit.Log, email string) error {
	return log.Do(ctx, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		u, err := tx.User.Create().SetEmail(email).SetDisplayName(strings.Repeat("a long name ", 20)).Save(ctx)
		if err != nil {
			return audit.Event{}, err
		}
		return audit.Event{Type: audit.UserCreated, TargetUserID: u.ID}, nil
	})
}

// open opens a database's file as a stranger would.
func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	conn, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func number(t *testing.T, path, query string) (n int) {
	t.Helper()
	if err := open(t, path).QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// users returns how many users a database has.
func users(t *testing.T, path string) int { return number(t, path, `SELECT count(*) FROM users`) }

// listed returns the names in a folder.
func listed(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestCreate_WhileWriting(t *testing.T) {
	url := storetest.SQLite(t)
	s := storetest.Open(t, url)
	log := audit.Open(s)
	var (
		ctx, stop = context.WithCancel(t.Context())
		made      atomic.Int64
		ended     = make(chan struct{})
	)
	const writers = 16
	for range writers {
		go func() {
			defer func() { ended <- struct{}{} }()
			for ctx.Err() == nil {
				n := made.Add(1)
				if err := addUser(ctx, log, fmt.Sprintf("user%d@example.com", n)); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	folder, last := t.TempDir(), 0
	for i := range 5 {
		for int(made.Load()) < (i+1)*1000 && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
		acknowledged := int(made.Load()) - writers
		path := filepath.Join(folder, fmt.Sprintf("%d.db", i))
		if err := backup.Create(t.Context(), strings.TrimPrefix(url, "sqlite://"), path); err != nil {
			t.Fatal(err)
		}
		n := users(t, path)
		if n < acknowledged || n < last {
			t.Errorf("backup %d has %d users; %d were acknowledged, and the one before had %d", i, n, acknowledged, last)
		}
		if entries := number(t, path, `SELECT count(*) FROM audit_entries JOIN users ON users.id = target_user_id`); entries != n {
			t.Errorf("backup %d has %d users and audit entries of %d", i, n, entries)
		}
		last = n
	}
	stop()
	for range writers {
		<-ended
	}
	t.Logf("%d users in the last backup", last)
}

func TestCreate_NeverOverwrites(t *testing.T) {
	from, to := embedded(t, 1), filepath.Join(t.TempDir(), "backup.db")
	if err := os.WriteFile(to, []byte("the only copy"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := backup.Create(t.Context(), from, to); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("got %v", err)
	}
	if content, err := os.ReadFile(to); err != nil || string(content) != "the only copy" {
		t.Errorf("now it is %q, %v", content, err)
	}
	if err := backup.Create(t.Context(), from, from); err == nil {
		t.Error("over the database itself: no error")
	}
}

func TestCreate_OwnerOnly(t *testing.T) {
	from, folder := embedded(t, 1), t.TempDir()
	if err := backup.Create(t.Context(), from, filepath.Join(folder, "backup.db")); err != nil {
		t.Fatal(err)
	}
	if names := listed(t, folder); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
	if info, err := os.Stat(filepath.Join(folder, "backup.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestCreate_KilledServer(t *testing.T) {
	to := filepath.Join(t.TempDir(), "backup.db")
	if err := backup.Create(t.Context(), crashed(t), to); err != nil {
		t.Fatal(err)
	}
	if n := users(t, to); n != 1 {
		t.Errorf("%d users, want the one in the -wal", n)
	}
}

func TestCreate_Failures(t *testing.T) {
	damaged := embedded(t, 500)
	damage(t, damaged)
	for name, c := range map[string]struct{ from, to, want string }{
		"no database": {filepath.Join(t.TempDir(), "paddock.db"), filepath.Join(t.TempDir(), "backup.db"), "no such file"},
		"no folder":   {embedded(t, 1), filepath.Join(t.TempDir(), "absent", "backup.db"), "no such file or directory"},
		"damaged":     {damaged, filepath.Join(t.TempDir(), "backup.db"), "is damaged"},
	} {
		if err := backup.Create(t.Context(), c.from, c.to); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if names, err := filepath.Glob(filepath.Join(filepath.Dir(c.to), "*")); len(names) > 0 || err != nil {
			t.Errorf("%s: left %v behind, %v", name, names, err)
		}
	}
}

// damage overwrites pages in the middle of a database, past the schema.
func damage(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	middle := len(content) / 2
	copy(content[middle:], bytes.Repeat([]byte{0xa5}, 64<<10))
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
