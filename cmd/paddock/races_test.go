package main

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// raceRounds returns how often a race is run: as often as said, or hundreds of times by `make soak`.
func raceRounds(few int) int {
	if os.Getenv("PADDOCK_PROOF") == "full" {
		return 200
	}
	return few
}

const firstPassword = "of the first admin"

// TestRaces_FirstStart starts three replicas at once on an empty PostgreSQL, all of which come up: the schema is migrated once, unless it
// was before, and there is one admin with one key, and one secret that all sign with. It may happen that one is killed on its way.
func TestRaces_FirstStart(t *testing.T) {
	t.Parallel()
	for round := range raceRounds(3) {
		var killed bool
		var url string
		migrations := 1
		switch round % 3 {
		case 0:
			url = storetest.EmptyPostgreSQL(t)
		case 1:
			url, migrations = storetest.PostgreSQL(t), 0
		default:
			url, killed = storetest.EmptyPostgreSQL(t), true
		}
		printed, migrated := startAtOnce(t, url, killed)
		if !killed && (printed != 2 || migrated != migrations) || printed > 2 || migrated > migrations {
			t.Errorf("killed %t: %d lines were printed, want 2; %d migrated the schema, want %d", killed, printed, migrated, migrations)
		}
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}

// startAtOnce starts three replicas, kills one of them if it is to be so, and stops the others when they have started. It returns how many
// lines they have printed of what they made, and how many of them have migrated the schema.
func startAtOnce(t *testing.T, url string, kill bool) (printed, migrated int) {
	t.Helper()
	env := onItsOwn(t).with(environment{
		"DATABASE_URL": url, "AUTO_MIGRATE": "true", "ADMIN_BOOTSTRAP_PASSWORD": firstPassword, "LOG_LEVEL": "info",
	})
	delete(env, "JWT_SECRET")
	all := make([]*process, 3)
	for i := range all {
		all[i] = start(t, env, "serve")
	}
	left := all
	if kill {
		time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
		_ = all[0].Process.Kill()
		<-all[0].ended
		left = all[1:]
	}
	wantOneAdmin(t, left)
	for _, p := range left {
		p.stop(t)
	}
	for _, p := range all {
		printed += strings.Count(p.stdout.String(), "\n")
		migrated += strings.Count(p.stderr.String(), "schema migrated")
		if strings.Contains(p.stderr.String(), `"level":"ERROR"`) || strings.Contains(p.stderr.String(), "panic") {
			t.Error(p.stderr.String())
		}
	}
	return printed, migrated
}

// wantOneAdmin fails the test unless all replicas serve, and know one admin with one key, whose sessions are good on all of them.
func wantOneAdmin(t *testing.T, replicas []*process) {
	t.Helper()
	var apps []*apptest.App
	for _, p := range replicas {
		apps = append(apps, &apptest.App{URL: p.url(t)})
	}
	for _, one := range apps {
		token := one.Login(t, "admin@example.com", firstPassword).GetAccessToken()
		for _, other := range apps {
			as := other.As(token)
			users, err := as.Users.ListUsers(t.Context(), &paddockv1.ListUsersRequest{})
			must(t, err)
			keys, err := as.Credentials.ListCredentials(t.Context(), &paddockv1.ListCredentialsRequest{})
			must(t, err)
			entries, err := as.Audit.ListAuditEntries(t.Context(), &paddockv1.ListAuditEntriesRequest{EventType: "bootstrap"})
			must(t, err)
			if len(users.GetUsers()) != 1 || len(keys.GetCredentials()) != 1 || len(entries.GetEntries()) != 1 {
				t.Errorf("%d users, %d keys, %d entries", len(users.GetUsers()), len(keys.GetCredentials()), len(entries.GetEntries()))
			}
		}
	}
}

// TestRaces_FirstStartEmbedded starts three servers at once that have one embedded database, which does not exist yet: one serves, and
// the others say that it is in use.
func TestRaces_FirstStartEmbedded(t *testing.T) {
	t.Parallel()
	for round := range raceRounds(3) {
		env := onItsOwn(t)
		var starting []*process
		for range 3 {
			starting = append(starting, start(t, env, "serve"))
		}
		serves := awaitOthersEnd(t, starting)
		serves.app(t)
		for _, p := range starting {
			if p == serves {
				continue
			}
			if code := p.code(t); code != exitFailed || p.stdout.String() != "" || !strings.Contains(p.stderr.String(), "stop that first") {
				t.Errorf("round %d: exit code %d, %q, %q", round, code, p.stdout.String(), p.stderr.String())
			}
		}
		serves.stop(t)
		if n := strings.Count(serves.stdout.String(), "\n"); n != 3 {
			t.Errorf("round %d: %d lines were printed, want 3", round, n)
		}
		if t.Failed() {
			return
		}
	}
}

// awaitOthersEnd waits until all processes but one have ended, and returns that one.
func awaitOthersEnd(t *testing.T, starting []*process) *process {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		var running []*process
		for _, p := range starting {
			select {
			case <-p.ended:
			default:
				running = append(running, p)
			}
		}
		if len(running) == 1 {
			return running[0]
		}
		if len(running) == 0 || time.Now().After(deadline) {
			for _, p := range starting {
				t.Log(p.stderr.String())
			}
			t.Fatalf("%d servers run, want one", len(running))
		}
	}
}
