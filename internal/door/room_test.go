package door

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/caller"
)

// TestRoom_SmallBodiesBesideLargeOnes: with all room for large bodies taken, a small one still has room, also one of the same user.
func TestRoom_SmallBodiesBesideLargeOnes(t *testing.T) {
	b := NewBodies(largest)
	of := func() *room { return b.of(&caller.Caller{UserID: uuid.New()}) }
	var held []*room
	for {
		r := of()
		if err := r.take(largest); err != nil {
			if !errors.Is(err, errNoRoom) || len(held) != largestInAll {
				t.Fatalf("after %d: %v", len(held), err)
			}
			break
		}
		held = append(held, r)
	}
	for _, r := range []*room{of(), b.of(held[0].caller)} {
		if err := r.take(small); err != nil {
			t.Errorf("a small body: %v", err)
		}
		if err := r.take(small + 1); err == nil {
			t.Error("it could grow beyond that")
		}
		r.free()
	}
	one := b.of(held[0].caller)
	held[1].free()
	if err := one.take(largest); err != nil {
		t.Errorf("a user's second: %v", err)
	}
	if err := b.of(held[0].caller).take(small + 1); err == nil {
		t.Error("a user's third has room")
	}
	for _, r := range append(held, one) {
		r.free()
	}
	if b.all != 0 || len(b.users) != 0 {
		t.Errorf("%d bytes, %d users are left", b.all, len(b.users))
	}
}

// TestTimedBody_Trickles: a large body must make progress; a small one has all of its time.
func TestTimedBody_Trickles(t *testing.T) {
	b := &timedBody{}
	now := b.since
	b.end = now.Add(1000 * bodyIdle)
	for _, c := range []struct {
		read int
		want int // bodyIdles from the beginning
	}{{100, 1}, {small, 2}, {small + 1, 2}, {small + leastProgress - 1, 2}, {small + leastProgress, 5}, {small + leastProgress + 1, 5}} {
		b.read = c.read
		if got := b.deadline(now).Sub(b.end.Add(-1000*bodyIdle)) / bodyIdle; int(got) != c.want {
			t.Errorf("%d bytes: %d, want %d", c.read, got, c.want)
		}
		now = now.Add(bodyIdle)
	}
}
