package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestCrash_AuditedWrites checks that after kill -9 every acknowledged change is there, that every change that is there has
// its one audit entry, and every entry its change. With the entry in a transaction of its own, in either order, this fails
// in most runs.
func TestCrash_AuditedWrites(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]string{"sqlite": storetest.SQLite(t), "postgres": storetest.PostgreSQL(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := onItsOwn(t).with(environment{"DATABASE_URL": database})
			p := start(t, env, "serve")
			a := p.app(t)
			acknowledged := &acknowledgements{}
			for round := range 3 {
				load := writeLoad(t, a, round, acknowledged)
				acknowledged.wait(t, 30*(round+1))
				_ = p.Process.Kill()
				<-p.ended
				load.Wait()

				p = start(t, env, "serve")
				a.URL = p.url(t)
				checkLedger(t, a, acknowledged)
			}
			p.stop(t)
		})
	}
}

// acknowledgements are the ids of what the server said it made.
type acknowledgements struct {
	mu          sync.Mutex
	users, keys []string
	last        error // that ended a writer
}

func (k *acknowledgements) stopped(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last = err
}

func (k *acknowledgements) add(list *[]string, id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	*list = append(*list, id)
}

func (k *acknowledgements) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.users) + len(k.keys)
}

func (k *acknowledgements) wait(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(patience); k.count() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			k.mu.Lock()
			defer k.mu.Unlock()
			t.Fatalf("only %d writes of %d: %v", len(k.users)+len(k.keys), n, k.last)
		}
	}
}

// writeLoad makes users and keys for the first admin until the server is gone.
func writeLoad(t *testing.T, a *apptest.App, round int, made *acknowledgements) *sync.WaitGroup {
	t.Helper()
	var writers sync.WaitGroup
	ctx, clients := context.Background(), a.Admin()
	for w := range 8 {
		writers.Go(func() {
			for i := 0; ; i++ {
				if w%2 == 0 {
					m, err := clients.Users.CreateUser(ctx, &paddockv1.CreateUserRequest{
						Email: fmt.Sprintf("round%d-%d-%d@example.com", round, w, i), Roles: []string{"user"},
					})
					if err != nil {
						made.stopped(err)
						return
					}
					made.add(&made.users, m.GetUser().GetId())
					continue
				}
				m, err := clients.Credentials.IssueApiKey(ctx, &paddockv1.IssueApiKeyRequest{Label: "load"})
				if err != nil {
					made.stopped(err)
					return
				}
				made.add(&made.keys, m.GetCredential().GetPrefix())
			}
		})
	}
	return &writers
}

// checkLedger compares what was acknowledged, what is there, and what the audit trail says.
func checkLedger(t *testing.T, a *apptest.App, made *acknowledgements) {
	t.Helper()
	ctx, admin := t.Context(), a.Admin()
	users, keys := map[string]int{}, map[string]int{} // id to entries
	list := &paddockv1.ListUsersRequest{PageSize: 200, Role: "user"}
	for {
		m, err := admin.Users.ListUsers(ctx, list)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range m.GetUsers() {
			users[u.GetId()] = 0
		}
		if list.PageToken = m.GetNextPageToken(); list.GetPageToken() == "" {
			break
		}
	}
	m, err := admin.Credentials.ListCredentials(ctx, &paddockv1.ListCredentialsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range m.GetCredentials() {
		if c.GetLabel() == "load" {
			keys[c.GetPrefix()] = 0
		}
	}
	entries := &paddockv1.ListAuditEntriesRequest{PageSize: 500}
	for {
		m, err := admin.Audit.ListAuditEntries(ctx, entries)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range m.GetEntries() {
			switch e.GetEventType() {
			case "user_created":
				count(t, users, "user", e.GetTargetUserId())
			case "api_key_issued":
				prefix, _, _ := strings.Cut(e.GetDetail(), " ")
				count(t, keys, "key", prefix)
			}
		}
		if entries.PageToken = m.GetNextPageToken(); entries.GetPageToken() == "" {
			break
		}
	}
	for kind, ledger := range map[string]struct {
		there        map[string]int
		acknowledged []string
	}{"user": {users, made.users}, "key": {keys, made.keys}} {
		for id, n := range ledger.there {
			if n != 1 {
				t.Errorf("%s %s has %d entries", kind, id, n)
			}
		}
		for _, id := range ledger.acknowledged {
			if _, there := ledger.there[id]; !there {
				t.Errorf("%s %s was acknowledged and is gone", kind, id)
			}
		}
	}
}

func count(t *testing.T, there map[string]int, kind, id string) {
	t.Helper()
	if _, ok := there[id]; !ok {
		t.Errorf("an entry tells of %s %s, which is not there", kind, id)
	}
	there[id]++
}
