package ollama

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// office is a queue in front of servers, and a record of who was let through.
type office struct {
	queue
	servers []*server

	mu    sync.Mutex
	order []string
	calls sync.WaitGroup
}

func newOffice(perServer, limit int, timeout time.Duration, servers ...string) *office {
	o := &office{queue: queue{perServer: perServer, limit: limit, timeout: timeout}}
	for _, name := range servers {
		o.servers = append(o.servers, &server{name: name, hash: hashOf(name), breaker: breaker{tripAfter: tripAfter}})
	}
	return o
}

// call makes a call of one second, and waits until it runs or waits.
func (o *office) call(ctx context.Context, turn Turn, able ...*server) {
	if able == nil {
		able = o.servers
	}
	o.calls.Go(func() {
		s, err := o.enter(ctx, turn, "m", able, time.Now())
		o.mu.Lock()
		if err == nil {
			o.order = append(o.order, turn.User)
		} else {
			o.order = append(o.order, "-"+turn.User)
		}
		o.mu.Unlock()
		if err == nil {
			time.Sleep(time.Second)
			o.leave(s, turn.User)
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
	if s := o.stats(); s.Waiting+s.WaitingBatch != 0 {
		t.Errorf("still waiting: %+v", s)
	}
	for _, s := range o.servers {
		if n := o.running(s); n != 0 {
			t.Errorf("%d calls still at %s", n, s.name)
		}
	}
}

func TestUsersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, 100, time.Minute, "s")
		for user := range strings.FieldsSeq("a a a a b b c") {
			o.call(t.Context(), Turn{User: user})
		}
		o.wantOrder(t, "a a b c a b a")
	})
}

func TestAFloodDelaysOthersByOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(2, 1000, time.Hour, "s")
		for range 200 {
			o.call(t.Context(), Turn{User: "a"})
		}
		o.mu.Lock()
		running := len(o.order)
		o.mu.Unlock()
		o.call(t.Context(), Turn{User: "b"})
		o.calls.Wait()
		if at := slices.Index(o.order, "b"); at > running+1 {
			t.Errorf("b started after %d of a's calls that came before", at-running)
		}
	})
}

func TestInteractiveCallsGoFirstButForEveryFourthTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, 100, time.Minute, "s")
		o.call(t.Context(), Turn{User: "x"})
		for range 3 {
			o.call(t.Context(), Turn{User: "batch", Batch: true})
		}
		for range 7 {
			o.call(t.Context(), Turn{User: "i"})
		}
		o.wantOrder(t, "x i i i batch i i i batch i batch")
	})
}

func TestCallsWaitOnlyForServersThatCanTakeThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, 100, time.Minute, "s", "t")
		s, both := o.servers[0], o.servers
		o.call(t.Context(), Turn{User: "s1"}, s)
		o.call(t.Context(), Turn{User: "s2"}, s) // waits, though the other server idles
		o.call(t.Context(), Turn{User: "both"}, both...)
		o.mu.Lock()
		if got := strings.Join(o.order, " "); got != "s1 both" {
			t.Errorf("running: %s", got)
		}
		o.mu.Unlock()
		o.wantOrder(t, "s1 both s2")
	})
}

// Also when nobody else calls, who would have the server probed.
func TestAWaitingCallGoesToAServerThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, 100, time.Minute, "s", "t")
		s := o.servers[0]
		var back atomic.Bool
		s.breaker = breaker{tripAfter: tripAfter, onClose: func() { o.serve(s) }, probe: func() error {
			if back.Load() {
				return nil
			}
			return errDead
		}}
		trip(&s.breaker)
		busy, err := o.enter(t.Context(), Turn{User: "a"}, "m", o.servers, time.Now())
		if err != nil || busy.name != "t" {
			t.Fatalf("%v, %v, want the server that is not in doubt", busy, err)
		}
		o.call(t.Context(), Turn{User: "b"})
		o.call(t.Context(), Turn{User: "c"})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := o.stats().Waiting; n != 2 {
			t.Errorf("%d wait while the server is away", n)
		}
		back.Store(true)
		o.calls.Wait()
		o.leave(busy, "a")
		o.wantOrder(t, "b c")
	})
}

func TestTheLeastBusyServerIsTaken(t *testing.T) {
	o := newOffice(0, 0, 0, "s", "t")
	for i, want := range []string{"s", "t", "s", "t"} {
		if s, err := o.enter(t.Context(), Turn{}, "m", o.servers, time.Now()); err != nil || s.name != want {
			t.Errorf("call %d went to %v, %v", i, s, err)
		}
	}
}

func TestAServerWhereAModelFailedIsTakenLastForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(2, 10, time.Minute, "s", "t")
		want := func(names string) {
			t.Helper()
			var got []string
			for range 4 {
				s, err := o.enter(t.Context(), Turn{}, "m", o.servers, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, s.name)
			}
			for _, name := range got {
				o.leave(o.servers[strings.Index("st", name)], "")
			}
			if got := strings.Join(got, " "); got != names {
				t.Errorf("taken: %s, want %s", got, names)
			}
		}
		o.servers[0].pulses.failed("another")
		want("s t s t")
		o.servers[0].pulses.failed("m")
		want("t t s s")
		o.servers[0].pulses.worked("m")
		want("s t s t")
		o.servers[0].pulses.failed("m")
		time.Sleep(ailsFor)
		want("s t s t")
	})
}

func TestNobodyFillsTheQueueUpForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, 4, time.Minute, "s")
		for range 6 { // one runs, four wait, one is refused
			o.call(t.Context(), Turn{User: "a"})
		}
		for range 3 { // two push calls of a's out; then both have two, and the third is refused
			o.call(t.Context(), Turn{User: "b"})
		}
		o.call(t.Context(), Turn{User: "c"})
		o.wantOrder(t, "a -a -a -a -b -a a b c b")
	})
}

func TestAllCallsOfAUserCountWhenRoomIsMade(t *testing.T) {
	for _, x := range []struct {
		waiting, comes string // users; batches are in capitals
		refused        string
		batches        int // that still wait
	}{
		{"a A a A b b b", "c", "-a", 1},
		{"B B B a A a A", "c", "-a", 4},
		{"a a a b b", "c", "-a", 0},
		{"a A a b b", "b", "-b", 1}, // it would leave a fewer than b
		{"a A a b b", "a", "-a", 1}, // who has most comes himself
	} {
		t.Run(x.waiting+" "+x.comes, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(1, len(strings.Fields(x.waiting)), time.Minute, "s")
				for user := range strings.FieldsSeq("x " + x.waiting + " " + x.comes) {
					lower := strings.ToLower(user)
					o.call(t.Context(), Turn{User: lower, Batch: user != lower})
				}
				if got := strings.Join(o.order, " "); got != "x "+x.refused || o.stats().WaitingBatch != x.batches {
					t.Errorf("%s, %d batches wait, want %s refused, %d", got, o.stats().WaitingBatch, x.refused, x.batches)
				}
				o.calls.Wait()
			})
		})
	}
}

func TestWaitsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, 10, 1500*time.Millisecond, "s")
		for user := range strings.FieldsSeq("a b c") {
			o.call(t.Context(), Turn{User: user})
		}
		begun := time.Now()
		_, err := o.enter(t.Context(), Turn{User: "d"}, "m", o.servers, begun)
		var busy *Error
		if !errors.As(err, &busy) || !errors.Is(err, ErrUnavailable) || busy.Message != messageBusy || busy.RetryAfter < time.Second {
			t.Errorf("%v, want that the server is busy", err)
		}
		if waited := time.Since(begun); waited != 1500*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
		o.wantOrder(t, "a b -c")
	})
}

func TestACancelledWaiterLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, 10, time.Minute, "s")
		o.call(t.Context(), Turn{User: "a"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		begun := time.Now()
		if _, err := o.enter(ctx, Turn{User: "b"}, "m", o.servers, begun); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the caller's deadline", err)
		}
		if time.Since(begun) != time.Millisecond || o.stats().Waiting != 0 || o.running(o.servers[0]) != 1 {
			t.Errorf("after %v: %+v", time.Since(begun), o.stats())
		}
		o.wantOrder(t, "a")
	})
}

func TestTheQueueTellsWhoWaitsAndForHowLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits []string
		o := newOffice(1, 10, time.Minute, "s")
		o.onWait = func(d time.Duration, batch bool) { waits = append(waits, fmt.Sprint(d, batch)) }
		o.call(t.Context(), Turn{User: "a"})
		o.call(t.Context(), Turn{User: "b"})
		time.Sleep(time.Second / 2)
		o.call(t.Context(), Turn{User: "c", Batch: true})
		if s := o.stats(); s.Waiting != 1 || s.WaitingBatch != 1 || s.LongestWait != time.Second/2 {
			t.Errorf("%+v", s)
		}
		o.calls.Wait()
		if want := "[0s false 1s false 1.5s true]"; fmt.Sprint(waits) != want {
			t.Errorf("waits %v, want %s", waits, want)
		}
	})
}

// Of three places or more one is for users who have none: calls that never end cannot take them all.
func TestNobodyTakesAllPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(3, 10, time.Minute, "s")
		for range 4 {
			o.call(t.Context(), Turn{User: "a"})
		}
		if n := o.running(o.servers[0]); n != 2 {
			t.Errorf("%d calls of one user run", n)
		}
		o.call(t.Context(), Turn{User: "b"})
		if n := o.running(o.servers[0]); n != 3 {
			t.Errorf("%d calls run, with one of another's", n)
		}
		o.wantOrder(t, "a a b a a")
	})
}

// Calls are let through, leave, give up and are pushed out, all at the same time:
// never do more run than may, no place is lost, and nobody waits while there is
// room.
func TestTheQueueUnderStress(t *testing.T) {
	const perServer, callers, rounds = 2, 40, 300
	o := newOffice(perServer, 20, 5*time.Millisecond, "s", "t")
	var at [2]struct {
		sync.Mutex
		n int
	}
	enter := func(s *server, by int) {
		place := &at[slices.Index(o.servers, s)]
		place.Lock()
		defer place.Unlock()
		if place.n += by; place.n > perServer {
			t.Errorf("%d calls at once at %s", place.n, s.name)
		}
	}
	for i := range callers {
		o.calls.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 0))
			for range rounds {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(2000))*time.Microsecond)
				able := o.servers[random.IntN(2):]
				turn := Turn{User: string(rune('a' + random.IntN(5))), Batch: random.IntN(3) == 0}
				if s, err := o.enter(ctx, turn, "m", able, time.Now()); err == nil {
					enter(s, +1)
					time.Sleep(time.Duration(random.IntN(100)) * time.Microsecond)
					enter(s, -1)
					o.leave(s, turn.User)
				}
				cancel()
			}
		})
	}
	o.wantOrder(t, "")
	for range perServer * len(o.servers) { // no place is lost
		if _, err := o.enter(t.Context(), Turn{}, "m", o.servers, time.Now()); err != nil {
			t.Error(err)
		}
	}
}
