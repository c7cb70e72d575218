package main

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestUpgrade_RollingRestart migrates under three replicas, upgrades them one by one and rolls them back, all under load, without a
// call that fails or a replica that is not ready. One half of the calls comes by a balancer that probes, the other by one that does not.
func TestUpgrade_RollingRestart(t *testing.T) {
	t.Parallel()
	before, next := releases(t)
	upstream := httptest.NewServer(ollamatest.New())
	t.Cleanup(upstream.Close)
	database := storetest.EmptyPostgreSQL(t)
	if code := startProgram(t, before, onItsOwn(t).with(environment{"DATABASE_URL": database}), "migrate").code(t); code != exitOK {
		t.Fatalf("migrate: exit code %d", code)
	}
	f := startFleet(t, before, 3, onItsOwn(t).with(environment{
		"DATABASE_URL": database, "OLLAMA_BASE_URL": upstream.URL, "OLLAMA_MAX_INFLIGHT": "0", "SHUTDOWN_DELAY": "1s",
	}))
	key := bootstrapKey(t, f.replicas...)
	balancers := []*balancer{startBalancer(t, true, f.serving), startBalancer(t, false, f.serving)}
	var loads []*traffic
	for _, b := range balancers {
		loads = append(loads, startTraffic(t, b.URL, b.URL, key, 8))
	}
	endWatch := f.watch()
	migration := startProgram(t, next, f.env, "migrate")
	if code := migration.code(t); code != exitOK {
		t.Fatalf("migrate: exit code %d, %s", code, migration.stderr.String())
	}
	f.restart(next, balancers)
	f.restart(before, balancers)
	for _, load := range loads {
		load.stop(t, 500)
	}
	endWatch()
}

// TestUpgrade_Embedded: a server on the embedded database migrates at its start, and the one before runs on that.
func TestUpgrade_Embedded(t *testing.T) {
	t.Parallel()
	before, next := releases(t)
	env := onItsOwn(t)
	var a *apptest.App
	for _, program := range []string{before, next, before} {
		p := startProgram(t, program, env, "serve")
		if a == nil {
			a = p.app(t)
		}
		a.URL = p.url(t)
		person := a.NewPerson(t, "user")
		for _, credential := range []string{a.AdminKey, person.Key, person.Token} {
			if _, err := whoAmI(t, a, credential); err != nil {
				t.Error(err)
			}
		}
		p.stop(t)
	}
	status := startProgram(t, before, env, "migrate", "status")
	want := "can run on it"
	if os.Getenv("PADDOCK_FROM") != "" { // whose schema may be the same
		want = "schema "
	}
	if code := status.code(t); code != exitOK || !strings.Contains(status.stdout.String(), want) {
		t.Errorf("exit code %d, %s", code, status.stdout.String())
	}
}
