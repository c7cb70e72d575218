package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// whole is what has been acknowledged so far.
func (k *acknowledgements) whole() *acknowledgements {
	k.mu.Lock()
	defer k.mu.Unlock()
	return &acknowledgements{users: slices.Clone(k.users), keys: slices.Clone(k.keys)}
}

// signsIn checks that the person's password, session, refresh token and key work on the server.
func signsIn(t *testing.T, a *apptest.App, who *apptest.Person, refreshToken string) {
	t.Helper()
	a.Login(t, who.GetEmail(), who.Password)
	for _, credential := range []string{who.Token, who.Key} {
		if m, err := whoAmI(t, a, credential); err != nil || m.GetUser().GetId() != who.GetId() {
			t.Errorf("%.8s…: %v, %v", credential, m.GetUser(), err)
		}
	}
	if _, err := a.As("").Auth.Refresh(t.Context(), &paddockv1.RefreshRequest{RefreshToken: refreshToken}); err != nil {
		t.Errorf("refresh: %v", err)
	}
}

func TestBackup_RunningServer(t *testing.T) {
	t.Parallel()
	env := onItsOwn(t)
	p := start(t, env, "serve")
	a := p.app(t)
	who := &apptest.Person{Password: made(p.stdout.String())["BOOTSTRAP_ADMIN_PASSWORD"], Key: a.AdminKey}
	session := a.Login(t, "admin@example.com", who.Password)
	who.User, who.Token = session.GetUser(), session.GetAccessToken()
	acknowledged := &acknowledgements{}
	load := writeLoad(t, a, 0, acknowledged)
	folder := t.TempDir()
	var backups []string
	var before []*acknowledgements
	for i := range 3 {
		acknowledged.wait(t, 100*(i+1))
		before = append(before, acknowledged.whole())
		backups = append(backups, filepath.Join(folder, string(rune('a'+i))+".db"))
		if out := mustRun(t, env, "backup", backups[i]); !strings.Contains(out, "checked") {
			t.Errorf("backup: %q", out)
		}
	}
	if code, _, stderr := runCommand(t, env, "backup", backups[0]); code != exitFailed || !strings.Contains(stderr, "overwritten") {
		t.Errorf("over another: exit code %d, %q", code, stderr)
	}
	if code, _, stderr := runCommand(t, env, "restore", "--replace", backups[0]); code != exitFailed || !strings.Contains(stderr, "in use") {
		t.Errorf("restore under a running server: exit code %d, %q", code, stderr)
	}
	p.stop(t)
	load.Wait()
	for i, file := range backups {
		other := onItsOwn(t)
		if out := mustRun(t, other, "restore", file); !strings.Contains(out, "newest audit entry: 20") {
			t.Errorf("restore: %q", out)
		}
		restored := start(t, other, "serve")
		b := &apptest.App{URL: restored.url(t), AdminKey: a.AdminKey}
		checkLedger(t, b, before[i])
		signsIn(t, b, who, session.GetRefreshToken())
		if e := b.Entries(t, "bootstrap"); len(e) != 2 || !strings.Contains(e[0].GetDetail(), "database restored from a backup") {
			t.Errorf("entries %v", e)
		}
		restored.stop(t)
	}
}

// TestRestore_KilledAnyTime kills restores at any moment. The server then starts with the old database or the new one,
// whole, and nothing is lost of the old one.
func TestRestore_KilledAnyTime(t *testing.T) {
	t.Parallel()
	env := onItsOwn(t)
	mustRun(t, env, "seed")
	file := filepath.Join(t.TempDir(), "backup.db")
	mustRun(t, env, "backup", file)
	began := time.Now()
	mustRun(t, env.with(environment{"DATA_DIR": t.TempDir()}), "restore", file)
	usual := time.Since(began)
	for range 12 {
		p := start(t, env, "restore", "--replace", file)
		time.Sleep(rand.N(usual))
		_ = p.Process.Kill()
		<-p.ended
		server := start(t, env, "serve")
		server.url(t)
		if out := server.stdout.String(); out != "" {
			t.Fatalf("the server has begun anew: %s", out)
		}
		server.stop(t)
	}
	mustRun(t, env, "restore", "--replace", file)
	entries, err := os.ReadDir(env["DATA_DIR"])
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "paddock.db") && e.Name() != "audit_key" { // the server's
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func TestBackup_PostgreSQL(t *testing.T) {
	t.Parallel()
	env := onItsOwn(t).with(environment{"DATABASE_URL": "postgres://app:canary@127.0.0.1:1/app"})
	for command, want := range map[string]string{
		"backup":  "pg_dump --dbname='postgres://app@127.0.0.1:1/app' --format=custom --file='x.dump'",
		"restore": "pg_restore --dbname='postgres://app@127.0.0.1:1/app' --single-transaction",
	} {
		code, _, stderr := runCommand(t, env, command, "x.dump")
		if code != exitUsage || !strings.Contains(stderr, want) || strings.Contains(stderr, "canary") {
			t.Errorf("%s: exit code %d, %q", command, code, stderr)
		}
	}
}

// TestCopy_ThereAndBack moves an installation from SQLite to PostgreSQL and back, with the servers of each.
func TestCopy_ThereAndBack(t *testing.T) {
	t.Parallel()
	embedded := onItsOwn(t)
	p := start(t, embedded, "serve")
	a := p.app(t)
	who := a.NewPerson(t, "user")
	refresh := a.Login(t, who.GetEmail(), who.Password).GetRefreshToken()
	entries := a.Entries(t, "")
	path := "sqlite://" + filepath.Join(embedded["DATA_DIR"], "paddock.db")
	url := storetest.EmptyPostgreSQL(t)
	if code, _, stderr := runCommand(t, embedded, "copy", "--from", path, "--to", url); code != exitFailed || !strings.Contains(stderr, "in use") {
		t.Errorf("from a running server: exit code %d, %q", code, stderr)
	}
	p.stop(t)
	if code, _, stderr := runCommand(t, embedded, "copy", "--from", path, "--to", url); code != exitFailed || !strings.Contains(stderr, "the target: ") {
		t.Errorf("to one without a schema: exit code %d, %q", code, stderr)
	}
	server := embedded.with(environment{"DATABASE_URL": url})
	mustRun(t, server, "migrate")
	if out := mustRun(t, server, "copy", "--from", path); !strings.Contains(out, "all are the same") { // to the configured one
		t.Errorf("copy: %q", out)
	}
	q := start(t, server, "serve")
	b := &apptest.App{URL: q.url(t), AdminKey: a.AdminKey}
	after := b.Entries(t, "")
	if len(after) != len(entries) {
		t.Fatalf("%d entries, %d before", len(after), len(entries))
	}
	for i, e := range entries {
		if after[i].GetId() != e.GetId() || after[i].GetDetail() != e.GetDetail() {
			t.Errorf("entry %d is %v, was %v", i, after[i], e)
		}
	}
	signsIn(t, b, who, refresh)
	later := b.NewPerson(t, "user")
	q.stop(t)

	back := onItsOwn(t)
	mustRun(t, back, "migrate")
	mustRun(t, server, "copy", "--to", "sqlite://"+filepath.Join(back["DATA_DIR"], "paddock.db")) // from the configured one
	r := start(t, back, "serve")
	b = &apptest.App{URL: r.url(t), AdminKey: a.AdminKey}
	for _, p := range []*apptest.Person{who, later} {
		signsIn(t, b, p, b.Login(t, p.GetEmail(), p.Password).GetRefreshToken())
	}
	r.stop(t)
}

func TestAdminRecover_RunningServer(t *testing.T) {
	t.Parallel()
	for name, env := range emptyDatabases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mustRun(t, env, "migrate")
			p := start(t, env, "serve")
			a := p.app(t)
			who := a.NewPerson(t, "user")
			code, stdout, stderr := runCommand(t, env.with(environment{"SUDO_USER": "alice"}), "admin", "recover", who.GetEmail())
			password, found := strings.CutPrefix(stdout, "RECOVERED_ADMIN_EMAIL="+who.GetEmail()+"\nRECOVERED_ADMIN_PASSWORD=")
			if code != exitOK || !found || !strings.Contains(stderr, "made admin again") {
				t.Fatalf("exit code %d, %q, %q", code, stdout, stderr)
			}
			if _, err := whoAmI(t, a, who.Token); err == nil {
				t.Error("the old session works")
			}
			admin := a.As(a.Login(t, who.GetEmail(), strings.TrimSpace(password)).GetAccessToken())
			m, err := admin.Audit.ListAuditEntries(t.Context(), &paddockv1.ListAuditEntriesRequest{EventType: "roles_changed"})
			if err != nil || len(m.GetEntries()) != 1 || !strings.Contains(m.GetEntries()[0].GetDetail(), "(sudo by alice) on ") {
				t.Errorf("entries %v, %v", m.GetEntries(), err)
			}
			code, stdout, stderr = runCommand(t, env, "admin", "recover", "nobody@example.com")
			if code != exitFailed || stdout != "" || !strings.Contains(stderr, "no user has this email") {
				t.Errorf("nobody: exit code %d, %q, %q", code, stdout, stderr)
			}
			p.stop(t)
		})
	}
}

func TestAdminRecover_NoDatabase(t *testing.T) {
	t.Parallel()
	env := onItsOwn(t)
	code, _, stderr := runCommand(t, env, "admin", "recover", "admin@example.com")
	if code != exitFailed || !strings.Contains(stderr, "no such file") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if _, err := os.Stat(env["DATA_DIR"]); !os.IsNotExist(err) {
		t.Error("a folder was made")
	}
}
