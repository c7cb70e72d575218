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
	for _, c := range []struct {
		name  string
		fault storetest.Fault
		cut   bool
	}{
		{"refused", storetest.Fault{Refuse: true}, true},
		{"blackholed", storetest.Fault{Blackhole: true}, false},
		{"blackholed and cut", storetest.Fault{Blackhole: true}, true},
		{"slow", storetest.Fault{Delay: 5 * time.Second}, false},
		{"cut", storetest.Fault{CutAfter: 20}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			proxy := cluster.Proxy(t)
			a := newActor(t, apptest.Start(t, proxy.Through(t, cluster.Database(t))+"&pool_max_conns=2", nil))
			proxy.Set(c.fault)
			if c.cut {
				proxy.Cut()
			}
			wantUnavailable(t, a.acts())
			wantReady(t, a, http.StatusServiceUnavailable)
			proxy.Set(storetest.Fault{})
			wantDone(t, a.acts())
			wantReady(t, a, http.StatusOK)
			wantAccounted(t, a)
		})
	}
}

// TestFaults_PoolExhausted holds all of the server's connections with rows that somebody else has locked.
func TestFaults_PoolExhausted(t *testing.T) {
	t.Parallel()
	url := storetest.PostgreSQL(t)
	a := newActor(t, apptest.Start(t, url+"&pool_max_conns=2", nil))
	other, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer other.Close(context.WithoutCancel(t.Context()))
	_, err = other.Exec(t.Context(), `BEGIN; LOCK TABLE users, credentials, sessions, audit_entries IN ACCESS EXCLUSIVE MODE`)
	must(t, err)
	wantUnavailable(t, a.acts())
	_, err = other.Exec(t.Context(), `ROLLBACK`)
	must(t, err)
	wantDone(t, a.acts())
	wantAccounted(t, a)
}

// TestFaults_MaxConnections has others take all connections that PostgreSQL allows.
func TestFaults_MaxConnections(t *testing.T) {
	soak(t)
	t.Parallel()
	cluster := storetest.NewCluster(t, "max_connections=20")
	url := cluster.Database(t)
	a := newActor(t, apptest.Start(t, url, nil))
	// Paddock connects again at once: who comes first to a place that is free is chance.
	admin, err := pgx.Connect(t.Context(), url)
	must(t, err)
	others := []*pgx.Conn{admin}
	for left := 1; left > 0; {
		_, err := admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'paddock'`)
		must(t, err)
		for {
			other, err := pgx.Connect(t.Context(), url)
			if err != nil {
				break
			}
			others = append(others, other)
		}
		must(t, admin.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'paddock'`).Scan(&left))
	}
	wantUnavailable(t, a.acts())
	for _, other := range others {
		must(t, other.Close(t.Context()))
	}
	wantDone(t, a.acts())
	wantAccounted(t, a)
}

// TestFaults_Standby has the server talk to a read-only standby, as when the address moves too early, until that is promoted.
func TestFaults_Standby(t *testing.T) {
	soak(t)
	t.Parallel()
	primary := storetest.NewCluster(t, "synchronous_commit=on")
	proxy := primary.Proxy(t)
	database := primary.Database(t)
	a := newActor(t, apptest.Start(t, proxy.Through(t, database), nil))
	wantDone(t, a.acts())
	standby := primary.Standby(t)
	proxy.Move(standby)
	must(t, primary.Stop())
	wantUnavailable(t, a.acts())
	wantReads(t, a)
	wantReady(t, a, http.StatusServiceUnavailable)
	standby.Promote(t)
	wantDone(t, a.acts())
	wantReady(t, a, http.StatusOK)
	wantAccounted(t, a)
}

// TestFaults_CancelledRequests has clients give up at once, again and again: what they asked for is done once or not at all, and nobody
// else notices.
func TestFaults_CancelledRequests(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, app *apptest.App) {
		a := newActor(t, app)
		var calls sync.WaitGroup
		for worker := range 8 {
			calls.Go(func() {
				for i := range 8 {
					for _, act := range a.acts() {
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(worker*i%40)*200*time.Microsecond)
						act(ctx)
						cancel()
					}
				}
			})
		}
		calls.Go(func() {
			for range 10 {
				wantReads(t, a)
			}
		})
		calls.Wait()
		wantDone(t, a.acts())
		wantAccounted(t, a)
	})
}

// TestFaults_PgBouncer checks that a server behind PgBouncer in transaction mode serves, also many calls at once.
func TestFaults_PgBouncer(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t)
	through := cluster.PgBouncer(t, "default_pool_size = 4\nserver_login_retry = 1")
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
	for range 2 {
		for _, keyed := range []bool{false, true} {
			email, key := "", ""
			var got answer
			for range 5 { // what is cut may be a heartbeat's answer
				if email = newEmail(); keyed {
					key = rand.Text()
				}
				var cut atomic.Bool
				proxy.Set(storetest.Fault{Answer: func(said []byte) bool {
					return !bytes.Contains(said, []byte("COMMIT\x00")) && !bytes.Contains(said, []byte("INSERT 0 1\x00")) || !cut.CompareAndSwap(false, true)
				}})
				if got = a.createUser(t.Context(), email, key); !cut.Load() {
					t.Fatal("nothing was cut")
				}
				if isUnavailable(got) {
					break
				}
			}
			proxy.Set(storetest.Fault{})
			if !isUnavailable(got) {
				t.Errorf("key %q: %d %s", key, got.StatusCode, got.body)
			}
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
