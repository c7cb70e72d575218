package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestDatabaseDoc_AuditArchive: what docs/DATABASE.md says about archives, beside a running server that deletes what is old, on both
// databases.
func TestDatabaseDoc_AuditArchive(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(testing.TB) string{"Embedded": nil, "PostgreSQL": storetest.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			env, folder := onItsOwn(t).with(environment{"RETAIN_AUDIT": "90d", "AUTO_MIGRATE": "true"}), t.TempDir()
			if database != nil {
				env = env.with(environment{"DATABASE_URL": database(t)})
			}
			keys := strings.Split(typed(t, folder, env, databaseDoc(t, "audit key")), "\n")
			env = env.with(environment{"AUDIT_SIGNING_KEY": keys[0]})
			mustRun(t, env, "migrate")
			addOldEntries(t, env, 600)
			serveAndStop(t, env) // which seals and deletes
			if out := mustRun(t, env, "audit", "verify"); strings.Contains(out, "archived") || !strings.Contains(out, "entries are as they were sealed") {
				t.Errorf("before there is an archive: %s", out)
			}

			before := countEntries(t, env)
			out := typed(t, folder, env, databaseDoc(t, "audit archive"))
			if !strings.Contains(out, "read back and compared") || strings.Contains(out, "deleted here") {
				t.Error(out)
			}
			file := filepath.Join(folder, "audit-2026.jsonl")
			if code, _, stderr := runCommand(t, env, "audit", "archive", filepath.Join(folder, "again.jsonl")); code == exitOK || !strings.Contains(stderr, "all entries that are sealed are archived") {
				t.Errorf("again: exit code %d, %q", code, stderr)
			}
			serveAndStop(t, env)
			if after := countEntries(t, env); after > before-600+10 {
				t.Errorf("%d entries of %d are left", after, before)
			}
			if out := mustRun(t, env, "audit", "verify"); !strings.Contains(out, "600 entries were not compared: they are archived") || !strings.Contains(out, "archived: entries at positions 0 to ") {
				t.Error(out)
			}
			if out := mustRun(t, env, "audit", "verify", "--archive", file, "--checkpoint", file+".checkpoint", "--key", keys[1]); !strings.Contains(out, "600 of them are archived") {
				t.Error(out)
			}
			if _, stdout, stderr := runCommand(t, env, "audit", "export"); !strings.Contains(stderr, "600 earlier entries are archived") || strings.Contains(stdout, "of long ago") {
				t.Error(stderr)
			}
			if err := os.Truncate(file, 1000); err != nil {
				t.Fatal(err)
			}
			if code, stdout, _ := runCommand(t, env, "audit", "verify", "--archive", file); code != exitFailed || !strings.Contains(stdout, file+" ends before it") {
				t.Errorf("of a truncated file: exit code %d, %s", code, stdout)
			}
		})
	}
}

// TestAuditArchive_Killed: kill -9 after the file was written and before that is recorded leaves nothing that may be deleted, and the
// next archive has all that this one had.
func TestAuditArchive_Killed(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(testing.TB) string{"Embedded": nil, "PostgreSQL": storetest.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			env, folder := onItsOwn(t).with(environment{"RETAIN_AUDIT": "90d", "AUTO_MIGRATE": "true"}), t.TempDir()
			if database != nil {
				env = env.with(environment{"DATABASE_URL": database(t)})
			}
			env = env.with(environment{"AUDIT_SIGNING_KEY": strings.Split(mustRun(t, env, "audit", "key", "paddock.example.com"), "\n")[0]})
			mustRun(t, env, "migrate")
			addOldEntries(t, env, 20)
			serveAndStop(t, env)

			killed, next := filepath.Join(folder, "killed.jsonl"), filepath.Join(folder, "next.jsonl")
			s := openDatabase(t, env)
			conn, err := s.DB().Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			lock := []string{"BEGIN", "LOCK TABLE audit_archives IN EXCLUSIVE MODE"}
			if s.Embedded() {
				lock = []string{"BEGIN IMMEDIATE"}
			}
			for _, statement := range lock {
				if _, err := conn.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			p := start(t, env, "audit", "archive", killed)
			for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
				if _, err := os.Stat(killed + ".checkpoint"); err == nil {
					break
				}
				if time.Now().After(end) {
					t.Fatal("nothing is written")
				}
			}
			p.signal(t, os.Kill)
			p.code(t)
			if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
				t.Fatal(err)
			}
			conn.Close()
			s.Close()
			if text, err := os.ReadFile(killed); strings.Count(string(text), "of long ago") != 20 || err != nil {
				t.Errorf("the file has %d bytes, %v", len(text), err)
			}
			serveAndStop(t, env)
			if out := mustRun(t, env, "audit", "verify"); strings.Contains(out, "archived") {
				t.Error(out)
			}
			if code, _, stderr := runCommand(t, env, "audit", "archive", killed); code != exitFailed || !strings.Contains(stderr, "exists") {
				t.Errorf("over the file: exit code %d, %q", code, stderr)
			}
			if out := mustRun(t, env, "audit", "archive", next); !strings.Contains(out, "at positions 0 to") {
				t.Error(out)
			}
			if text, err := os.ReadFile(next); strings.Count(string(text), "of long ago") != 20 || err != nil {
				t.Errorf("the next file has %d bytes, %v", len(text), err)
			}
		})
	}
}

func openDatabase(t *testing.T, env environment) *store.Store {
	t.Helper()
	url := env["DATABASE_URL"]
	if url == "" {
		url = "sqlite://" + filepath.Join(env["DATA_DIR"], "paddock.db")
	}
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// addOldEntries adds entries of 100 days ago.
func addOldEntries(t *testing.T, env environment, n int) {
	t.Helper()
	s := openDatabase(t, env)
	defer s.Close()
	at := time.Now().UTC().AddDate(0, 0, -100)
	var rows []string
	for i := range n {
		id := fmt.Sprintf("%012x", at.UnixMilli()+int64(i))
		id = id[:8] + "-" + id[8:] + uuid.Must(uuid.NewV7()).String()[13:]
		rows = append(rows, fmt.Sprintf("('%s', 'logout', '%s', '', '', '', '', 'success', 'of long ago')", id, at.Format("2006-01-02 15:04:05.000000+00:00")))
	}
	const insert = `INSERT INTO audit_entries (id, event_type, occurred_at, actor_email, ip, user_agent, request_id, outcome, detail) VALUES `
	if _, err := s.DB().ExecContext(t.Context(), insert+strings.Join(rows, ", ")); err != nil {
		t.Fatal(err)
	}
}

func countEntries(t *testing.T, env environment) (n int) {
	t.Helper()
	s := openDatabase(t, env)
	defer s.Close()
	if err := s.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM audit_entries`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// serveAndStop runs a server until it has swept and sealed all.
func serveAndStop(t *testing.T, env environment) {
	t.Helper()
	p := start(t, env, "serve")
	p.url(t)
	time.Sleep(3 * time.Second) // the janitor begins at once
	p.stop(t)
}
