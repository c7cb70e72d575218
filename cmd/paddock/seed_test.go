package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// emptyDatabases are an empty database of each kind.
func emptyDatabases(t *testing.T) map[string]environment {
	t.Helper()
	return map[string]environment{
		"sqlite":   onItsOwn(t),
		"postgres": onItsOwn(t).with(environment{"DATABASE_URL": storetest.EmptyPostgreSQL(t)}),
	}
}

func TestMigrateAndSeed_Repeated(t *testing.T) {
	t.Parallel()
	for name, env := range emptyDatabases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, _ := runCommand(t, env, "migrate", "status")
			if code != exitFailed || !strings.Contains(out, "behind") || !strings.Contains(out, "_init.sql") {
				t.Errorf("status of nothing: exit code %d, %q", code, out)
			}
			if out := mustRun(t, env, "migrate"); !strings.Contains(out, "applied") || !strings.Contains(out, "up to date") {
				t.Errorf("migrate: %q", out)
			}
			for _, args := range [][]string{{"migrate"}, {"migrate", "up"}, {"migrate", "status"}} {
				if out := mustRun(t, env, args...); strings.Contains(out, "applied") || !strings.Contains(out, "up to date") {
					t.Errorf("%v again: %q", args, out)
				}
			}

			first := mustRun(t, env, "seed")
			if got := names(made(first)); len(got) != 3 || strings.Count(first, "\n") != 3 {
				t.Errorf("seed: %q", first)
			}
			if out := mustRun(t, env, "seed"); out != "" {
				t.Errorf("seed again: %q", out)
			}
			forced := env.with(environment{"ADMIN_BOOTSTRAP_PASSWORD": "forced by the operator", "ADMIN_BOOTSTRAP_PASSWORD_FORCE": "yes"})
			code, out, log := runCommand(t, forced, "seed")
			if code != exitOK || out != "" || strings.Contains(log, "forced by") || !strings.Contains(log, "has the password that is configured") {
				t.Errorf("seed by force: exit code %d, %q, %q", code, out, log)
			}

			server := start(t, env, "serve")
			a := &apptest.App{URL: server.url(t)}
			a.Login(t, "admin@example.com", "forced by the operator")
			if _, err := whoAmI(t, a, made(first)["BOOTSTRAP_ADMIN_API_KEY"]); err != nil {
				t.Errorf("the first key: %v", err)
			}
			server.stop(t)
			if server.stdout.String() != "" {
				t.Errorf("serve after seed: stdout %q", server.stdout.String())
			}
		})
	}
}

// TestSeed_PasswordSet checks that a password that the operator has set, by either variable, is printed nowhere, neither by seed nor by
// dev.
func TestSeed_PasswordSet(t *testing.T) {
	t.Parallel()
	const password = "of the operator's own choice"
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, set := range []environment{{"ADMIN_BOOTSTRAP_PASSWORD": password}, {"ADMIN_BOOTSTRAP_PASSWORD_FILE": file}} {
		env := onItsOwn(t).with(set)
		p := start(t, env, "seed")
		if code := p.code(t); code != exitOK || !slices.Equal(names(made(p.stdout.String())), []string{"BOOTSTRAP_ADMIN_API_KEY", "BOOTSTRAP_ADMIN_EMAIL"}) {
			t.Errorf("seed: exit code %d, %q", code, p.stdout.String())
		}
		server := start(t, env, "dev")
		(&apptest.App{URL: address.FindString(devReady(t, server))}).Login(t, "admin@example.com", password)
		server.stop(t)
		for _, out := range []string{p.stdout.String(), p.stderr.String(), server.stdout.String(), server.stderr.String()} {
			if strings.Contains(out, password) {
				t.Errorf("printed: %s", out)
			}
		}
	}
}

// TestSeed_Concurrent seeds an empty PostgreSQL from several processes at once: exactly one admin, one password and one key
// are made and printed in all. A seed that looked first and made then, without waiting for the others, would print more.
func TestSeed_Concurrent(t *testing.T) {
	t.Parallel()
	for range 3 {
		env := onItsOwn(t).with(environment{"DATABASE_URL": storetest.EmptyPostgreSQL(t), "AUTO_MIGRATE": "true"})
		var seeds []*process
		for range 5 {
			seeds = append(seeds, start(t, env, "seed"))
		}
		all := map[string]string{}
		printed := 0
		for _, s := range seeds {
			if code := s.code(t); code != exitOK {
				t.Errorf("exit code %d: %s", code, s.stderr.String())
			}
			printed += strings.Count(s.stdout.String(), "\n")
			maps.Copy(all, made(s.stdout.String()))
		}
		want := []string{"BOOTSTRAP_ADMIN_API_KEY", "BOOTSTRAP_ADMIN_EMAIL", "BOOTSTRAP_ADMIN_PASSWORD"}
		if printed != 3 || !slices.Equal(names(all), want) {
			t.Errorf("%d lines in all: %v", printed, names(all))
		}
		server := start(t, env, "serve")
		a := &apptest.App{URL: server.url(t)}
		a.Login(t, all["BOOTSTRAP_ADMIN_EMAIL"], all["BOOTSTRAP_ADMIN_PASSWORD"])
		if _, err := whoAmI(t, a, all["BOOTSTRAP_ADMIN_API_KEY"]); err != nil {
			t.Errorf("the key: %v", err)
		}
		server.stop(t)
	}
}

// TestMigrate_Concurrent migrates an empty PostgreSQL from several processes at once: one applies the migrations, the others
// wait and find them applied.
func TestMigrate_Concurrent(t *testing.T) {
	t.Parallel()
	env := onItsOwn(t).with(environment{"DATABASE_URL": storetest.EmptyPostgreSQL(t)})
	var all []*process
	for range 5 {
		all = append(all, start(t, env, "migrate"))
	}
	applied := map[string]int{}
	for _, p := range all {
		if code := p.code(t); code != exitOK {
			t.Errorf("exit code %d: %s", code, p.stderr.String())
		}
		for line := range strings.Lines(p.stdout.String()) {
			if file, ok := strings.CutPrefix(line, "applied "); ok {
				applied[strings.TrimSpace(file)]++
			}
		}
	}
	if len(applied) == 0 {
		t.Error("nothing was applied")
	}
	for file, n := range applied {
		if n != 1 {
			t.Errorf("%s was applied %d times", file, n)
		}
	}
}
