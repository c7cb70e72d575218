package secret

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlots_Priority checks that who is known goes first, and among equals who came first.
func TestSlots_Priority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(tiny, 1)
		finish := occupy(t, h)
		var all sync.WaitGroup
		var order []string
		for _, c := range []struct {
			name string
			p    Priority
		}{{"suspect", Suspect}, {"new", Newcomer}, {"suspect too", Suspect}, {"known", Known}, {"new too", Newcomer}} {
			all.Go(func() {
				_, err := inSlot(t.Context(), h, c.p, func() bool { order = append(order, c.name); return true })
				if err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
			})
			synctest.Wait()
		}
		finish()
		all.Wait()
		if want := []string{"known", "new", "new too", "suspect", "suspect too"}; !slices.Equal(order, want) {
			t.Errorf("%q, want %q", order, want)
		}
		wantStats(t, h, 0, 0)
	})
}

// TestSlots_MakeRoom checks that a full queue has room for who is of higher priority than any in it, at the cost of the last one, and for
// nobody else.
func TestSlots_MakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(tiny, 1)
		finish := occupy(t, h)
		var all sync.WaitGroup
		turnedAway := 0
		ask := func(p Priority) {
			all.Go(func() {
				if err := h.slots.take(t.Context(), p); errors.Is(err, ErrBusy) {
					turnedAway++
				} else if err == nil {
					h.slots.free()
				}
			})
			synctest.Wait()
		}
		for range queuePerSlot {
			ask(Suspect)
		}
		for i, c := range []struct {
			p    Priority
			want int // turned away in all
		}{{Newcomer, 1}, {Suspect, 2}, {Known, 3}, {Newcomer, 4}} {
			if ask(c.p); turnedAway != c.want {
				t.Errorf("%d: %d turned away, want %d", i, turnedAway, c.want)
			}
			wantStats(t, h, 1, queuePerSlot)
		}
		finish()
		all.Wait()
		wantStats(t, h, 0, 0)
	})
}

// TestSlots_LeaveAndTurn checks that a slot is not lost when its turn comes as the caller leaves.
func TestSlots_LeaveAndTurn(t *testing.T) {
	for range 200 {
		h := NewHasher(tiny, 1)
		if err := h.slots.take(t.Context(), Known); err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if h.slots.take(ctx, Newcomer) == nil {
				h.slots.free()
			}
		})
		for _, queued, _ := h.Stats(); queued == 0; _, queued, _ = h.Stats() {
			time.Sleep(time.Microsecond)
		}
		all.Go(leave)
		all.Go(h.slots.free)
		all.Wait()
		wantStats(t, h, 0, 0)
	}
}

// TestSlots_NobodyIsKeptOut checks that newcomers and suspects have their turn among any number of those who are known.
func TestSlots_NobodyIsKeptOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(tiny, 1)
		finish := occupy(t, h)
		var all sync.WaitGroup
		var order []Priority
		for i := range 40 {
			p := Known
			switch i {
			case 38:
				p = Newcomer
			case 39:
				p = Suspect
			}
			all.Go(func() {
				if _, err := inSlot(t.Context(), h, p, func() bool { order = append(order, p); return true }); err != nil {
					t.Errorf("%d: %v", p, err)
				}
			})
			synctest.Wait()
		}
		finish()
		all.Wait()
		if n, s := slices.Index(order, Newcomer), slices.Index(order, Suspect); n > 3 || s > 15 {
			t.Errorf("the newcomer's turn is after %d others, the suspect's after %d", n, s)
		}
	})
}
