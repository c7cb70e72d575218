package fairqueue

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// Calls are let through, leave, give up and are pushed out, all at the same time:
// never do more run than may, no place is lost, and nobody waits while there is
// room.
func TestQueue_Stress(t *testing.T) {
	const perServer, callers, rounds = 2, 40, 300
	o := newOffice(2, Config{PerServer: perServer, Limit: 20, Timeout: 5 * time.Millisecond})
	var at [2]struct {
		sync.Mutex
		n int
	}
	enter := func(server, by int) {
		place := &at[server]
		place.Lock()
		defer place.Unlock()
		if place.n += by; place.n > perServer {
			t.Errorf("%d calls at once at %d", place.n, server)
		}
	}
	for i := range callers {
		o.calls.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 0))
			for range rounds {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(2000))*time.Microsecond)
				c := Call{Servers: o.all[random.IntN(2):], User: string(rune('a' + random.IntN(5))), Batch: random.IntN(3) == 0}
				if s, err := o.enter(ctx, c); err == nil {
					enter(s, +1)
					time.Sleep(time.Duration(random.IntN(100)) * time.Microsecond)
					enter(s, -1)
					o.Leave(s, c.User)
				}
				cancel()
			}
		})
	}
	o.wantOrder(t, "")
	for range perServer * len(o.all) { // no place is lost
		if _, err := o.enter(t.Context(), Call{}); err != nil {
			t.Error(err)
		}
	}
}

// One operation is a turn at a server that 1,000 calls of 100 users wait for.
func BenchmarkQueue(b *testing.B) {
	q := New(Config{Servers: 1, PerServer: 1, Limit: 2000, Timeout: time.Hour})
	join := func(user string) {
		_, _ = q.join(&Call{User: user, Servers: []int{0}, Begun: time.Now(), Rank: func(int) int { return 0 }})
	}
	for i := range 1000 {
		join(string(rune('a' + i%100)))
	}
	b.ReportAllocs()
	for b.Loop() {
		for user := range q.slots[0].byUser { // there is one
			q.Leave(0, user)
			break
		}
		join("a")
	}
}
