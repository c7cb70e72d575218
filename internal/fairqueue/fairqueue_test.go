package fairqueue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errBusy = errors.New("busy")

// office is a queue in front of servers, and a record of who was let through.
type office struct {
	*Queue
	all []int // servers

	mu    sync.Mutex
	ranks []int
	order []string
	calls sync.WaitGroup
}

func newOffice(servers int, config Config) *office {
	config.Servers, config.Recheck = servers, time.Second
	config.Busy = func(cause error, _ time.Duration) error { return fmt.Errorf("%w: %w", errBusy, cause) }
	o := &office{Queue: New(config), ranks: make([]int, servers)}
	for i := range servers {
		o.all = append(o.all, i)
	}
	return o
}

func (o *office) rank(server int) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ranks[server]
}

func (o *office) setRank(server, rank int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ranks[server] = rank
}

// enter has a user's call come now, which all servers can serve if it names none.
func (o *office) enter(ctx context.Context, c Call) (server int, err error) {
	c.Begun = time.Now()
	if c.Servers == nil {
		c.Servers = o.all
	}
	if c.Rank == nil {
		c.Rank = o.rank
	}
	return o.Enter(ctx, &c)
}

// call makes a call of one second, and waits until it runs or waits.
func (o *office) call(ctx context.Context, c Call) {
	o.calls.Go(func() {
		s, err := o.enter(ctx, c)
		o.mu.Lock()
		if err == nil {
			o.order = append(o.order, c.User)
		} else {
			o.order = append(o.order, "-"+c.User)
		}
		o.mu.Unlock()
		if err == nil {
			time.Sleep(time.Second)
			o.Leave(s, c.User)
		}
	})
	synctest.Wait()
}

// wantOrder waits for all calls and checks in which order they were let through
// or, with a minus, refused.
func (o *office) wantOrder(t *testing.T, want string) {
	t.Helper()
	o.calls.Wait()
	if got := strings.Join(o.order, " "); got != want {
		t.Errorf("order %s\n want %s", got, want)
	}
	if s := o.Stats(); s.Waiting+s.WaitingBatch != 0 {
		t.Errorf("still waiting: %+v", s)
	}
	for _, s := range o.all {
		if n := o.InFlight(s); n != 0 {
			t.Errorf("%d calls still at %d", n, s)
		}
	}
}

func TestQueue_UsersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, Config{PerServer: 1, Limit: 100, Timeout: time.Minute})
		for user := range strings.FieldsSeq("a a a a b b c") {
			o.call(t.Context(), Call{User: user})
		}
		o.wantOrder(t, "a a b c a b a")
	})
}

func TestQueue_FloodDelaysOthersByOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, Config{PerServer: 2, Limit: 1000, Timeout: time.Hour})
		for range 200 {
			o.call(t.Context(), Call{User: "a"})
		}
		o.mu.Lock()
		running := len(o.order)
		o.mu.Unlock()
		o.call(t.Context(), Call{User: "b"})
		o.calls.Wait()
		if at := slices.Index(o.order, "b"); at > running+1 {
			t.Errorf("b started after %d of a's calls that came before", at-running)
		}
	})
}

func TestQueue_InteractiveCallsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, Config{PerServer: 1, Limit: 100, Timeout: time.Minute})
		o.call(t.Context(), Call{User: "x"})
		for range 3 {
			o.call(t.Context(), Call{User: "batch", Batch: true})
		}
		for range 7 {
			o.call(t.Context(), Call{User: "i"})
		}
		o.wantOrder(t, "x i i i batch i i i batch i batch")
	})
}

func TestQueue_WaitsOnlyForItsServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(2, Config{PerServer: 1, Limit: 100, Timeout: time.Minute})
		o.call(t.Context(), Call{User: "s1", Servers: []int{0}})
		o.call(t.Context(), Call{User: "s2", Servers: []int{0}}) // waits, though the other server idles
		o.call(t.Context(), Call{User: "both"})
		o.mu.Lock()
		if got := strings.Join(o.order, " "); got != "s1 both" {
			t.Errorf("running: %s", got)
		}
		o.mu.Unlock()
		o.wantOrder(t, "s1 both s2")
	})
}

// Also when nobody else calls, who would have the server looked into.
func TestQueue_ServerComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(2, Config{PerServer: 1, Limit: 100, Timeout: time.Minute})
		var back atomic.Bool
		var found sync.Once
		rank := func(server int) int {
			if server == 0 && back.Load() {
				found.Do(func() {
					go func() {
						o.setRank(0, 0)
						o.Serve(0)
					}()
				})
			}
			return o.rank(server)
		}
		o.setRank(0, Unready)
		busy, err := o.enter(t.Context(), Call{User: "a", Rank: rank})
		if err != nil || busy != 1 {
			t.Fatalf("%v, %v, want the server that is ready", busy, err)
		}
		o.call(t.Context(), Call{User: "b", Rank: rank})
		o.call(t.Context(), Call{User: "c", Rank: rank})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := o.Stats().Waiting; n != 2 {
			t.Errorf("%d wait while the server is away", n)
		}
		back.Store(true)
		o.calls.Wait()
		o.Leave(busy, "a")
		o.wantOrder(t, "b c")
	})
}

func TestQueue_LeastBusyServer(t *testing.T) {
	o := newOffice(2, Config{})
	for i, want := range []int{0, 1, 0, 1} {
		if s, err := o.enter(t.Context(), Call{}); err != nil || s != want {
			t.Errorf("call %d went to %v, %v", i, s, err)
		}
	}
}

func TestQueue_LowestRank(t *testing.T) {
	o := newOffice(2, Config{PerServer: 2})
	for _, x := range []struct {
		rank int // of the first server
		want string
	}{{0, "[0 1 0 1]"}, {1, "[1 1 0 0]"}} {
		o.setRank(0, x.rank)
		var got []int
		for range 4 {
			s, err := o.enter(t.Context(), Call{})
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, s)
		}
		for _, s := range got {
			o.Leave(s, "")
		}
		if fmt.Sprint(got) != x.want {
			t.Errorf("taken: %v, want %s", got, x.want)
		}
	}
}

// When all are unready, a call shall wait for the verdict, and not in the queue.
func TestQueue_AllUnready(t *testing.T) {
	o := newOffice(2, Config{PerServer: 1, Limit: 10, Timeout: time.Minute})
	o.setRank(0, Unready)
	o.setRank(1, Unready)
	if s, err := o.enter(t.Context(), Call{}); err != nil || s != 0 {
		t.Errorf("%d, %v", s, err)
	}
}

// A call that waits takes the first slot that it gets.
func TestQueue_WaitsForNoAffinity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(2, Config{PerServer: 1, Limit: 10, Timeout: time.Minute})
		for home := range o.all {
			for _, s := range o.all {
				if _, err := o.enter(t.Context(), Call{Servers: []int{s}}); err != nil {
					t.Fatal(err)
				}
			}
			begun := time.Now()
			o.call(t.Context(), Call{User: "a", Affinity: func(server int) uint64 {
				if server == home {
					return 1
				}
				return 0
			}})
			for i := range o.all { // the second, then the first
				time.Sleep(time.Second)
				o.Leave(1-i, "")
			}
			o.calls.Wait()
			if took := time.Since(begun); took != 2*time.Second {
				t.Errorf("with affinity to %d it took %v, of which it should wait one second", home, took)
			}
		}
	})
}
