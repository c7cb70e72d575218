package apptest_test

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// The long ones of the faults of databases.

// soak skips the test unless it is run by `make soak`.
func soak(t *testing.T) {
	t.Helper()
	if os.Getenv("PADDOCK_PROOF") != "full" {
		t.Skip("faults of databases that take long: not run: `make soak` does")
	}
}

// storm is many writers at once, who try again as clients do.
type storm struct {
	*actor
	t                  testing.TB
	acknowledged, told atomic.Int64
	slowest            atomic.Int64
	stop               context.CancelFunc
	writers            sync.WaitGroup
}

func startStorm(t testing.TB, a *actor, writers int) *storm {
	l := &storm{actor: a, t: t}
	ctx, stop := context.WithCancel(t.Context())
	l.stop = stop
	for range writers {
		l.writers.Go(func() {
			for ctx.Err() == nil {
				key := ""
				if mathrand.IntN(2) == 0 {
					key = rand.Text()
				}
				l.create(ctx, newEmail(), key)
			}
		})
	}
	return l
}

// create creates one user, again and again until that is acknowledged. Without a key it may be there already, by a try that got no answer.
func (l *storm) create(ctx context.Context, email, key string) {
	for try := 1; ctx.Err() == nil; try++ {
		began := time.Now()
		got := l.createUser(context.WithoutCancel(ctx), email, key)
		took := time.Since(began)
		l.slowest.Store(max(l.slowest.Load(), int64(took)))
		switch {
		case got.StatusCode == http.StatusOK, key == "" && try > 1 && got.StatusCode == http.StatusConflict:
			l.acknowledged.Add(1)
			return
		case !isUnavailable(got) || took > promptly:
			l.t.Errorf("key %q, try %d: %d %s after %s", key, try, got.StatusCode, got.body, took)
			return
		}
		l.told.Add(1)
		time.Sleep(10 * time.Millisecond)
	}
}

// end ends the load and says what became of it.
func (l *storm) end(t testing.TB) {
	l.stop()
	l.writers.Wait()
	wantAccounted(t, l.actor)
	t.Logf("%d acknowledged, %d told that the database is unavailable, slowest after %s", l.acknowledged.Load(), l.told.Load(),
		time.Duration(l.slowest.Load()).Round(time.Millisecond))
	if l.acknowledged.Load() == 0 || l.told.Load() == 0 {
		t.Error("nothing was shown")
	}
}

// TestFaults_CrashUnderLoad has PostgreSQL stop immediately and recover, again and again, while many write.
func TestFaults_CrashUnderLoad(t *testing.T) {
	soak(t)
	t.Parallel()
	cluster := storetest.NewCluster(t, "synchronous_commit=on")
	l := startStorm(t, newActor(t, apptest.Start(t, cluster.Database(t), nil)), 8)
	for range 30 {
		time.Sleep(time.Duration(100+mathrand.IntN(300)) * time.Millisecond)
		must(t, cluster.Crash())
		must(t, cluster.Start(t.Context()))
	}
	time.Sleep(200 * time.Millisecond)
	l.end(t)
}

// TestFaults_CutEverywhere cuts each connection after so many bytes from either side, for as many numbers as it takes to meet every stage of
// a transaction.
func TestFaults_CutEverywhere(t *testing.T) {
	soak(t)
	t.Parallel()
	cluster := storetest.NewCluster(t)
	proxy := cluster.Proxy(t)
	l := startStorm(t, newActor(t, apptest.Start(t, proxy.Through(t, cluster.Database(t)), nil)), 8)
	for n := 1; n <= 6000; n += 1 + n/50 {
		proxy.Set(storetest.Fault{CutAfter: n})
		time.Sleep(3 * time.Millisecond)
		proxy.Set(storetest.Fault{CutAnswerAfter: n})
		time.Sleep(3 * time.Millisecond)
		proxy.Set(storetest.Fault{})
		time.Sleep(3 * time.Millisecond)
	}
	proxy.Set(storetest.Fault{})
	time.Sleep(500 * time.Millisecond)
	l.end(t)
}

// TestFaults_SQLiteLockedUnderLoad has a tool lock the embedded database for long, while many write.
func TestFaults_SQLiteLockedUnderLoad(t *testing.T) {
	soak(t)
	t.Parallel()
	l := startStorm(t, newActor(t, apptest.Start(t, storetest.SQLite(t), nil)), 8)
	for _, seconds := range []int{1, 3, 30} {
		unlock := lockSQLite(t, l.Database, "BEGIN IMMEDIATE")
		time.Sleep(time.Duration(seconds) * time.Second)
		unlock()
		time.Sleep(100 * time.Millisecond)
	}
	l.end(t)
}
