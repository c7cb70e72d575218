package apptest_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db/auditentry"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// The races: what clients of three replicas do at the same time must come out as if they had done it one after the other. On the
// embedded database, which has one server, its callers race.

// raceRounds returns how often a race is run: as often as said, or hundreds of times by `make soak`.
func raceRounds(few int) int {
	if os.Getenv("PADDOCK_PROOF") == "full" {
		return 200
	}
	return few
}

// eachFleet runs the test on three replicas over PostgreSQL, and on one server with the embedded database.
func eachFleet(t *testing.T, env apptest.Env, test func(t *testing.T, fleet []*apptest.App)) {
	t.Helper()
	t.Parallel()
	apptest.EachWith(t, env, func(t *testing.T, a *apptest.App) {
		fleet := []*apptest.App{a}
		if !a.Store.Embedded() {
			fleet = append(fleet, a.Replica(t), a.Replica(t))
		}
		test(t, fleet)
	})
}

// of returns the clients of one replica after the other, as the caller.
func of(fleet []*apptest.App, i int, credential string, options ...connect.ClientOption) *apptest.Clients {
	return fleet[i%len(fleet)].AsGRPC(credential, options...) // many calls share a connection
}

// behindProxy is the setting with which from counts.
var behindProxy = apptest.Env{"TRUSTED_PROXIES": "127.0.0.0/8"}

// from is a client option: the call comes from an address of the round's own. Sign-ins that fail throttle those from the same address.
func from(round int) connect.ClientOption {
	return apptest.WithHeader("X-Forwarded-For", fmt.Sprintf("2001:db8:%x::1", round))
}

// atOnce runs f n times at the same time, or up to a millisecond later.
func atOnce(n int, f func(i int)) {
	apptest.AtOnce(n, func(i int) {
		if i%3 > 0 {
			time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
		}
		f(i)
	})
}

// wantReasons fails the test unless err is nil or carries one of the reasons, and reports whether it is nil.
func wantReasons(t *testing.T, what string, err error, reasons ...apierr.Reason) bool {
	t.Helper()
	if err != nil && !slices.Contains(reasons, apptest.Reason(err)) {
		t.Errorf("%s: %v, want none or one of %q", what, err, reasons)
	}
	return err == nil
}

// entriesAbout counts the entries of a type about a user.
func entriesAbout(t *testing.T, a *apptest.App, eventType, user string) int {
	t.Helper()
	n, err := a.Store.AuditEntry.Query().
		Where(auditentry.EventType(eventType), auditentry.TargetUserID(uuid.MustParse(user))).
		Count(t.Context())
	must(t, err)
	return n
}

// slowFleet returns three replicas over PostgreSQL, of which the last one reaches it through the proxy.
func slowFleet(t *testing.T) ([]*apptest.App, *storetest.Proxy) {
	t.Helper()
	cluster := storetest.NewCluster(t)
	proxy, database := cluster.Proxy(t), cluster.Database(t)
	a := apptest.Start(t, database, nil)
	slow := apptest.Start(t, proxy.Through(t, database), nil)
	slow.AdminKey = a.AdminKey
	return []*apptest.App{a, a.Replica(t), slow}, proxy
}

// holdBack keeps back the next answer of the database with one of the texts in it, until release is called. held is closed when it has
// come: the database has been read by then, and the server does not know it yet.
func holdBack(p *storetest.Proxy, texts ...[]byte) (held <-chan struct{}, release func()) {
	come, let := make(chan struct{}), make(chan struct{})
	var once sync.Once
	p.Set(storetest.Fault{Answer: func(said []byte) bool {
		if slices.ContainsFunc(texts, func(text []byte) bool { return bytes.Contains(said, text) }) {
			once.Do(func() {
				close(come)
				<-let
			})
		}
		return true
	}})
	return come, sync.OnceFunc(func() {
		p.Set(storetest.Fault{})
		close(let)
	})
}

// await fails the test unless c is closed soon.
func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatal("waited in vain until " + what)
	}
}
