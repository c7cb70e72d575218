package apptest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestFaults_Network has what lies between the server and PostgreSQL fail in the ways of networks.
func TestFaults_Network(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t)
	proxy := cluster.Proxy(t)
	a := newActor(t, apptest.Start(t, proxy.Through(t, cluster.Database(t)), nil))
	for _, c := range []struct {
		name  string
		fault storetest.Fault
		cut   bool
	}{
		{"refused", storetest.Fault{Refuse: true}, true},
		{"blackholed", storetest.Fault{Blackhole: true}, false},
		{"blackholed and cut", storetest.Fault{Blackhole: true}, true},
		{"slow", storetest.Fault{Delay: 5 * time.Second}, false},
		{"cut in the middle of each statement", storetest.Fault{CutAfter: 20}, false},
	} {
		proxy.Set(c.fault)
		if c.cut {
			proxy.Cut()
		}
		for name, act := range a.acts() {
			start := time.Now()
			got := act(t.Context())
			if took := time.Since(start); !isUnavailable(got) || took > promptly {
				t.Errorf("%s: %s: %d %s after %s", c.name, name, got.StatusCode, got.body, took)
			}
		}
		wantReady(t, a, http.StatusServiceUnavailable)
		proxy.Set(storetest.Fault{})
		wantDone(t, a.acts())
		wantReady(t, a, http.StatusOK)
	}
	wantAccounted(t, a)
}

// TestFaults_PgBouncer checks that a server behind PgBouncer in transaction mode serves, also many calls at once.
func TestFaults_PgBouncer(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t)
	through := cluster.PgBouncer(t, "default_pool_size = 4")
	a := newActor(t, apptest.Start(t, through(cluster.Database(t)), nil))
	wantReady(t, a, http.StatusOK)
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() { wantDone(t, a.acts()) })
	}
	calls.Wait()
	wantReads(t, a)
	must(t, cluster.Stop())
	wantUnavailable(t, a.acts())
	must(t, cluster.Start(t.Context()))
	wantDone(t, a.acts())
	wantAccounted(t, a)
}

// TestFaults_CommitUnanswered cuts the connection exactly between a commit and its answer: the change is made, and its maker learns that
// by trying again with the same key.
func TestFaults_CommitUnanswered(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t)
	proxy := cluster.Proxy(t)
	a := newActor(t, apptest.Start(t, proxy.Through(t, cluster.Database(t)), nil))
	for range 5 {
		for _, key := range []string{"", rand.Text()} {
			var cut atomic.Bool
			proxy.Set(storetest.Fault{Answer: func(said []byte) bool {
				return !bytes.Contains(said, []byte("COMMIT\x00")) && !bytes.Contains(said, []byte("INSERT 0 1\x00")) || !cut.CompareAndSwap(false, true)
			}})
			email := newEmail()
			got := a.createUser(t.Context(), email, key)
			if !cut.Load() {
				t.Fatal("nothing was cut")
			}
			if !isUnavailable(got) {
				t.Errorf("key %q: %d %s", key, got.StatusCode, got.body)
			}
			proxy.Set(storetest.Fault{})
			again := a.createUser(t.Context(), email, key)
			want := http.StatusOK
			if key == "" {
				want = http.StatusConflict // it is there
			}
			if again.StatusCode != want {
				t.Errorf("key %q, again: %d %s, want %d", key, again.StatusCode, again.body, want)
			}
		}
	}
	wantAccounted(t, a)
}

var _ = context.Background
var _ = pgx.Connect
