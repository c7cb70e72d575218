package main

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// databaseDoc returns the commands that docs/DATABASE.md shows under a name.
func databaseDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/DATABASE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "<!-- test: "+name+" -->\n```sh\n")
	commands, _, ended := strings.Cut(after, "```\n")
	if !found || !ended {
		t.Fatalf("docs/DATABASE.md shows no %q", name)
	}
	return commands
}

// typed runs commands as a person would, in a folder, with the program on the PATH.
func typed(t *testing.T, folder string, env environment, commands string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", commands)
	cmd.Dir = folder
	cmd.Env = []string{"PATH=" + filepath.Dir(built) + ":" + os.Getenv("PATH")}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", commands, err, out)
	}
	return string(out)
}

func TestDatabaseDoc_Embedded(t *testing.T) {
	t.Parallel()
	env, folder := onItsOwn(t), t.TempDir()
	p := start(t, env, "serve")
	p.url(t)
	typed(t, folder, env, databaseDoc(t, "embedded"))
	if out := typed(t, folder, env, databaseDoc(t, "recover")); !strings.Contains(out, "RECOVERED_ADMIN_PASSWORD=") {
		t.Error(out)
	}
	p.stop(t)
	if out := typed(t, folder, env, databaseDoc(t, "restore")); !strings.Contains(out, "users: 1;") {
		t.Error(out)
	}
}

func TestDatabaseDoc_PostgreSQL(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"pg_dump", "pg_restore", "createdb"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("not run: no %s", program)
		}
	}
	folder := t.TempDir()
	env := onItsOwn(t).with(environment{"DATABASE_URL": storetest.NewCluster(t).Database(t)})
	p := start(t, env, "serve")
	a := p.app(t)
	who := a.NewPerson(t, "user")
	typed(t, folder, env, databaseDoc(t, "dump"))
	if info, err := os.Stat(filepath.Join(folder, "paddock.dump")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	p.stop(t)
	restored, err := url.Parse(env["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	restored.Path = "/paddock_restored"
	typed(t, folder, env.with(environment{"RESTORED_URL": restored.String()}), databaseDoc(t, "load"))
	q := start(t, env.with(environment{"DATABASE_URL": restored.String()}), "serve")
	b := &apptest.App{URL: q.url(t), AdminKey: a.AdminKey}
	signsIn(t, b, who, b.Login(t, who.GetEmail(), who.Password).GetRefreshToken())
	q.stop(t)
}

func TestDatabaseDoc_Copy(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	env := onItsOwn(t).with(environment{"DATA_DIR": filepath.Join(folder, "data")})
	mustRun(t, env, "seed")
	out := typed(t, folder, env.with(environment{"DATABASE_URL": storetest.EmptyPostgreSQL(t)}), databaseDoc(t, "copy"))
	if !strings.Contains(out, "users                1\n") {
		t.Error(out)
	}
}
