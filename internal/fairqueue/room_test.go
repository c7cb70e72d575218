package fairqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestQueue_NobodyFillsItUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, Config{PerServer: 1, Limit: 4, Timeout: time.Minute})
		for range 6 { // one runs, four wait, one is refused
			o.call(t.Context(), Call{User: "a"})
		}
		for range 3 { // two push calls of a's out; then both have two, and the third is refused
			o.call(t.Context(), Call{User: "b"})
		}
		o.call(t.Context(), Call{User: "c"})
		o.wantOrder(t, "a -a -a -a -b -a a b c b")
	})
}

func TestQueue_MakesRoomByAllCallsOfAUser(t *testing.T) {
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
				o := newOffice(1, Config{PerServer: 1, Limit: len(strings.Fields(x.waiting)), Timeout: time.Minute})
				for user := range strings.FieldsSeq("x " + x.waiting + " " + x.comes) {
					lower := strings.ToLower(user)
					o.call(t.Context(), Call{User: lower, Batch: user != lower})
				}
				if got := strings.Join(o.order, " "); got != "x "+x.refused || o.Stats().WaitingBatch != x.batches {
					t.Errorf("%s, %d batches wait, want %s refused, %d", got, o.Stats().WaitingBatch, x.refused, x.batches)
				}
				o.calls.Wait()
			})
		})
	}
}

func TestQueue_Timeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, Config{PerServer: 1, Limit: 10, Timeout: 1500 * time.Millisecond})
		for user := range strings.FieldsSeq("a b c") {
			o.call(t.Context(), Call{User: user})
		}
		begun := time.Now()
		if _, err := o.enter(t.Context(), Call{User: "d"}); !errors.Is(err, errBusy) || !errors.Is(err, errTimeout) {
			t.Errorf("%v, want that the server is busy", err)
		}
		if waited := time.Since(begun); waited != 1500*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
		o.wantOrder(t, "a b -c")
	})
}

func TestQueue_Cancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, Config{PerServer: 1, Limit: 10, Timeout: time.Minute})
		o.call(t.Context(), Call{User: "a"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		begun := time.Now()
		if _, err := o.enter(ctx, Call{User: "b"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the caller's deadline", err)
		}
		if time.Since(begun) != time.Millisecond || o.Stats().Waiting != 0 || o.InFlight(0) != 1 {
			t.Errorf("after %v: %+v", time.Since(begun), o.Stats())
		}
		o.wantOrder(t, "a")
	})
}

func TestQueue_Stats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits []string
		o := newOffice(1, Config{PerServer: 1, Limit: 10, Timeout: time.Minute, OnWait: func(_ context.Context, d time.Duration, batch bool) {
			waits = append(waits, fmt.Sprint(d, batch))
		}})
		o.call(t.Context(), Call{User: "a"})
		o.call(t.Context(), Call{User: "b"})
		time.Sleep(time.Second / 2)
		o.call(t.Context(), Call{User: "c", Batch: true})
		if s := o.Stats(); s.Waiting != 1 || s.WaitingBatch != 1 || s.LongestWait != time.Second/2 {
			t.Errorf("%+v", s)
		}
		o.calls.Wait()
		if want := "[0s false 1s false 1.5s true]"; fmt.Sprint(waits) != want {
			t.Errorf("waits %v, want %s", waits, want)
		}
	})
}

// Of three places or more one is for users who have none: calls that never end cannot take them all.
func TestQueue_NobodyTakesAllSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(1, Config{PerServer: 3, Limit: 10, Timeout: time.Minute})
		for range 4 {
			o.call(t.Context(), Call{User: "a"})
		}
		if n := o.InFlight(0); n != 2 {
			t.Errorf("%d calls of one user run", n)
		}
		o.call(t.Context(), Call{User: "b"})
		if n := o.InFlight(0); n != 3 {
			t.Errorf("%d calls run, with one of another's", n)
		}
		o.wantOrder(t, "a a b a a")
	})
}
