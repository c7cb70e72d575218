package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestDatabaseDoc_Audit: what docs/DATABASE.md says about the seal, beside a running server, on both databases.
func TestDatabaseDoc_Audit(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(testing.TB) string{"Embedded": nil, "PostgreSQL": storetest.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			env, folder := onItsOwn(t), t.TempDir()
			if database != nil {
				env = env.with(environment{"DATABASE_URL": database(t)})
			}
			keys := strings.Split(typed(t, folder, env, databaseDoc(t, "audit key")), "\n")
			env = env.with(environment{"AUDIT_SIGNING_KEY": keys[0]})
			p := start(t, env, "serve")
			p.url(t)
			for end := time.Now().Add(20 * time.Second); !strings.Contains(p.stderr.String(), "audit trail sealed"); time.Sleep(50 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("nothing is sealed")
				}
			}
			if err := os.WriteFile(filepath.Join(folder, "paddock.log"), []byte(p.stderr.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			if out := typed(t, folder, env, databaseDoc(t, "audit verify")); strings.Count(out, "as they were sealed") != 2 || !strings.Contains(out, "paddock.example.com\n") {
				t.Error(out)
			}
			if out := typed(t, folder, env, databaseDoc(t, "audit export")); !strings.Contains(out, " entries") {
				t.Error(out)
			}
			if text, err := os.ReadFile(filepath.Join(folder, "audit.jsonl")); err != nil || !strings.Contains(string(text), `"event_type":"bootstrap"`) {
				t.Errorf("%s %v", text, err)
			}
			if _, err := os.Stat(filepath.Join(folder, "audit-log", "checkpoint")); err != nil {
				t.Error(err)
			}
			p.stop(t)
			mustRun(t, env.with(environment{"AUDIT_SIGNING_KEY": ""}), "audit", "verify", "--key", keys[1])
			attack(t, env)
			if code, stdout, stderr := runCommand(t, env, "audit", "verify"); code != exitFailed || !strings.Contains(stdout, "changed entry") || !strings.Contains(stderr, "is not what was sealed") {
				t.Errorf("after an attack: exit code %d, %q, %q", code, stdout, stderr)
			}
		})
	}
}

// TestServe_WithoutAuditKey: replicas on PostgreSQL have no keys of their own, which each other's seals would not verify with.
func TestServe_WithoutAuditKey(t *testing.T) {
	t.Parallel()
	env := onItsOwn(t).with(environment{"DATABASE_URL": storetest.PostgreSQL(t), "AUTO_MIGRATE": "true"})
	p := start(t, env, "serve")
	p.url(t)
	p.stop(t) // which seals what is left
	if log := p.stderr.String(); strings.Count(log, "audit trail is not sealed: set AUDIT_SIGNING_KEY") != 1 || strings.Contains(log, "audit trail sealed") {
		t.Error(log)
	}
	if _, err := os.Stat(filepath.Join(env["DATA_DIR"], "audit_key")); err == nil {
		t.Error("the server has made a key of its own")
	}
}

// attack changes entries as the database's owner can.
func attack(t *testing.T, env environment) {
	t.Helper()
	url := env["DATABASE_URL"]
	disarm := `DROP TRIGGER audit_entries_are_immutable ON audit_entries`
	if url == "" {
		url, disarm = "sqlite://"+filepath.Join(env["DATA_DIR"], "paddock.db"), `DROP TRIGGER audit_entries_refuse_update`
	}
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, statement := range []string{disarm, `UPDATE audit_entries SET actor_email = 'somebody@example.com'`} {
		if _, err := s.DB().ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAudit_InvalidArguments(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"x"},
		{"key"},
		{"verify", "x"},
		{"verify", "--since", "2026-11-29"},
		{"verify", "--key", "x"},
		{"archive"},
		{"key", "example.com", "--archive", "x"},
		{"archive", "x", "y"},
		{"archive", "x", "--key", "y"},
		{"verify", "--witness-key", "x"},
		{"export", "--witness-key", "x"},
		{"export", "--format", "csv"},
		{"export", "--format", "tiles"},
		{"export", "--to", "x"},
		{"export", "--since", "yesterday"},
	} {
		if code, _, stderr := runCommand(t, onItsOwn(t), append([]string{"audit"}, args...)...); code != exitUsage || stderr == "" {
			t.Errorf("%q: exit code %d, %q", args, code, stderr)
		}
	}
	if code, _, stderr := runCommand(t, onItsOwn(t), "audit", "verify"); code != exitFailed || !strings.Contains(stderr, "AUDIT_SIGNING_KEY") {
		t.Errorf("without a key: exit code %d, %q", code, stderr)
	}
}
