package usage

import (
	"bytes"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// forgetful puts a socket before a cluster's. While it forgets, what the server answers to a commit gets lost, and the
// connection with it: the change is made, and nobody is told.
func forgetful(t *testing.T, databaseURL string) (url string, forgets *atomic.Bool) {
	t.Helper()
	forgets = new(atomic.Bool)
	dir := t.TempDir()
	const name = ".s.PGSQL.5432"
	listener, err := net.Listen("unix", filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	_, rest, _ := strings.Cut(databaseURL, "host=")
	escaped, _, _ := strings.Cut(rest, "&")
	pass := func(to, from net.Conn, answers bool) {
		defer to.Close()
		defer from.Close()
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			if answers && forgets.Load() && bytes.Contains(buf[:n], []byte("COMMIT\x00")) {
				return
			}
			if _, writeErr := to.Write(buf[:n]); err != nil || writeErr != nil {
				return
			}
		}
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", filepath.Join(strings.ReplaceAll(escaped, "%2F", "/"), name))
			if err != nil {
				client.Close()
				continue
			}
			go pass(server, client, false)
			go pass(client, server, true)
		}
	}()
	return strings.Replace(databaseURL, "host="+escaped, "host="+strings.ReplaceAll(dir, "/", "%2F"), 1), forgets
}

// TestReserve_LostAnswerIsWithdrawn: the call was refused, and must not weigh on the quota for ever.
func TestReserve_LostAnswerIsWithdrawn(t *testing.T) {
	url, forgets := forgetful(t, storetest.NewCluster(t).Database(t))
	s := storetest.Open(t, url)
	l, user := replica(s), uuid.New()
	ctx := as(t, user, new(int64(100)), nil)
	reserve(t, l, ctx).Settle(ctx, Cost{Outcome: OK})
	written(t, l)
	forgets.Store(true)
	if _, err := l.Reserve(ctx, ask); !errors.Is(err, store.ErrAway) {
		t.Errorf("got %v, want ErrAway", err)
	}
	forgets.Store(false)
	if held := sumsOf(t, s, user, store.Now().Format(time.DateOnly))[2]; held != 10 {
		t.Fatalf("%d tokens are held: the commit was not made", held)
	}
	l.now = func() time.Time { return store.Now().Add(2 * unsureFor) } // as if that had passed
	sweep(t, l)
	if got, want := accountOf(t, s), (account{records: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := sumsOf(t, s, user, store.Now().Format(time.DateOnly)), [3]int64{1, 0, 0}; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestSettle_LostAnswerIsNotRepeated when it is tried again.
func TestSettle_LostAnswerIsNotRepeated(t *testing.T) {
	url, forgets := forgetful(t, storetest.NewCluster(t).Database(t))
	s := storetest.Open(t, url)
	l, user := replica(s), uuid.New()
	ctx := as(t, user, new(int64(100)), nil)
	r := reserve(t, l, ctx)
	forgets.Store(true)
	r.Settle(ctx, Cost{PromptTokens: 4, CompletionTokens: 6, Exact: true, Outcome: OK})
	time.Sleep(300 * time.Millisecond)
	forgets.Store(false)
	written(t, l)
	if got, want := accountOf(t, s), (account{records: 1, tokens: 10}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := sumsOf(t, s, user, store.Now().Format(time.DateOnly)), [3]int64{1, 10, 0}; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestSweep_AfterTheDatabaseWasUnavailable: it comes back, and whoever sweeps first does not take the calls of others.
func TestSweep_AfterTheDatabaseWasUnavailable(t *testing.T) {
	cluster := storetest.NewCluster(t)
	url := cluster.Database(t)
	s := storetest.Open(t, url)
	l, sweeper := replica(s), replica(s)
	user := uuid.New()
	ctx := as(t, user, new(int64(100)), nil)
	r := reserve(t, l, ctx)
	sweep(t, sweeper)
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := sweeper.Sweep(ctx); !errors.Is(err, store.ErrAway) {
		t.Errorf("got %v, want ErrAway", err)
	}
	if _, err := l.Reserve(ctx, ask); !errors.Is(err, store.ErrAway) {
		t.Errorf("admitted without a database: %v", err)
	}
	r.Settle(ctx, Cost{PromptTokens: 4, CompletionTokens: 6, Exact: true, Outcome: OK})
	if err := cluster.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	silence(t, s, l)
	if err := sweeper.Sweep(ctx); err != nil { // before l could speak
		t.Error(err)
	}
	written(t, l)
	sweep(t, sweeper)
	if got, want := accountOf(t, s), (account{records: 1, tokens: 10}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := sumsOf(t, s, user, store.Now().Format(time.DateOnly)), [3]int64{1, 10, 0}; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}
