package usage

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// plenty is a quota with room for leases of ask's calls.
func plenty() *int64 { return new(int64(100_000)) }

func TestLease_FewCommits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		l, user := replica(storetest.Open(t, url)), uuid.New()
		ctx := as(t, user, plenty(), nil)
		reserve(t, l, ctx)
		before := l.commits.Load()
		for range leasedCalls {
			reserve(t, l, ctx)
		}
		if n := l.commits.Load() - before; n > 0 {
			t.Errorf("%d calls took %d commits", leasedCalls, n)
		}
		for range 100 * leasedCalls {
			reserve(t, l, ctx).Settle(ctx, Cost{PromptTokens: 4, CompletionTokens: 6, Exact: true, Outcome: OK})
		}
		written(t, l)
		if n := sumsOf(t, l.store, user, store.Now().Format(time.DateOnly)); n[0] != 100*leasedCalls || n[1] != 1000*leasedCalls {
			t.Errorf("%v", n)
		}
	})
}

// TestLease_OfADeadReplica is charged as a whole, so that no call of the last second is free.
func TestLease_OfADeadReplica(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		dead, other, user := replica(s), replica(s), uuid.New()
		ctx := as(t, user, plenty(), nil)
		const calls = 5
		var running []*Reservation
		for range calls {
			running = append(running, reserve(t, dead, ctx))
		}
		reserve(t, dead, ctx).Settle(ctx, Cost{PromptTokens: 4, CompletionTokens: 6, Exact: true, Outcome: OK})
		written(t, dead)
		silence(t, s, dead)
		sweep(t, other)
		sweep(t, other)
		got := sumsOf(t, s, user, store.Now().Format(time.DateOnly))
		if least, most := int64(10*(calls+1)), int64(10*(1+leasedCalls)+10); got[0] != 2 || got[1] < least || got[1] > most || got[2] != 0 {
			t.Errorf("%v, want two records of %d to %d tokens, and nothing reserved", got, least, most)
		}
		if a := accountOf(t, s); a.records != 2 || a.tokens != got[1] || a.reservations != 0 {
			t.Errorf("%+v, but the period says %v", a, got)
		}
		// It was only frozen, and goes on. What runs, also for longer, is paid for.
		running[0].Settle(ctx, Cost{PromptTokens: 4, CompletionTokens: 6, Exact: true, Outcome: OK})
		for range 2 {
			if err := dead.checkpoint(ctx); err != nil {
				t.Error(err)
			}
		}
		for _, r := range running[1:] {
			r.Settle(ctx, Cost{PromptTokens: 4, CompletionTokens: 6, Exact: true, Outcome: OK})
		}
		written(t, dead)
		if now := sumsOf(t, s, user, store.Now().Format(time.DateOnly)); now != got {
			t.Errorf("%v after the calls of the lease were settled, %v before", now, got)
		}
		// And of a lease that is another one.
		reserve(t, dead, ctx).Settle(ctx, Cost{PromptTokens: 4, CompletionTokens: 6, Exact: true, Outcome: OK})
		written(t, dead)
		if err := dead.giveBack(true); err != nil {
			t.Error(err)
		}
		if after := sumsOf(t, s, user, store.Now().Format(time.DateOnly)); after[1] != got[1]+10 || after[2] != 0 {
			t.Errorf("%v after a call of 10 tokens, %v before", after, got)
		}
	})
}

func TestLease_GivenBackWhenIdle(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		l, user := replica(storetest.Open(t, url)), uuid.New()
		ctx := as(t, user, plenty(), nil)
		running := reserve(t, l, ctx)
		day := running.startedAt.Format(time.DateOnly)
		if held := sumsOf(t, l.store, user, day)[2]; held <= 10 {
			t.Errorf("%d tokens are held", held)
		}
		q, err := l.State(ctx, user, running.who.Quota)
		if err != nil || q.GetDay().GetReserved() != 10 {
			t.Errorf("the user is told of %d tokens, %v", q.GetDay().GetReserved(), err)
		}
		for range 2 {
			if err := l.checkpoint(ctx); err != nil {
				t.Error(err)
			}
		}
		if held := sumsOf(t, l.store, user, day)[2]; held != 10 {
			t.Errorf("%d tokens are held once it is idle, and one call runs", held)
		}
		running.Settle(ctx, Cost{Outcome: OK})
		written(t, l)
		for range 2 {
			if err := l.checkpoint(ctx); err != nil {
				t.Error(err)
			}
		}
		if a := accountOf(t, l.store); a.reservations != 0 {
			t.Errorf("%+v", a)
		}
	})
}

// TestLease_QuotaLowered holds from the next call on.
func TestLease_QuotaLowered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		l, user := replica(storetest.Open(t, url)), uuid.New()
		reserve(t, l, as(t, user, plenty(), nil))
		if _, err := l.Reserve(as(t, user, new(int64(5)), nil), ask); reasonOf(err) != apierr.QuotaExceeded {
			t.Errorf("%v", err)
		}
	})
}

// TestLease_LongCallsGetRows, so that what a dead replica's call is charged is what it had produced.
func TestLease_LongCallsGetRows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		l, other, user := replica(s), replica(s), uuid.New()
		now := store.Now()
		l.now = func() time.Time { return now }
		ctx := as(t, user, plenty(), nil)
		long, unlimited := reserve(t, l, ctx), reserve(t, l, as(t, uuid.New(), nil, nil))
		reserve(t, l, ctx).Settle(ctx, Cost{Outcome: OK})
		for range 3 {
			long.Produced(3)
			unlimited.Produced(5)
			if err := l.checkpoint(ctx); err != nil {
				t.Fatal(err)
			}
		}
		written(t, l)
		if a := accountOf(t, s); a.reservations != 2 {
			t.Errorf("%+v", a)
		}
		silence(t, s, l)
		sweep(t, other)
		if got, want := accountOf(t, s), (account{records: 3, tokens: 4 + 3 + 4 + 5}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if got, want := sumsOf(t, s, user, now.Format(time.DateOnly)), [3]int64{2, 7, 0}; got != want {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// TestLease_RacingReplicas spend a quota to its end: what is charged is what was spent, and never more than the quota.
func TestLease_RacingReplicas(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		user := uuid.New()
		limit := int64(5000)
		ctx := as(t, user, &limit, nil)
		replicas := []*Ledger{replica(s)}
		if !s.Embedded() {
			replicas = append(replicas, replica(s), replica(s))
		}
		var spent, admitted atomic.Int64
		var calling sync.WaitGroup
		for _, l := range replicas {
			for range 8 {
				calling.Go(func() {
					for range 60 {
						if cost, ok := spend(ctx, t, l); ok {
							spent.Add(cost)
							admitted.Add(1)
						}
						if rand.IntN(20) == 0 {
							if err := l.checkpoint(context.WithoutCancel(ctx)); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
		}
		calling.Wait()
		for _, l := range replicas {
			written(t, l)
			if err := l.giveBack(true); err != nil {
				t.Error(err)
			}
		}
		got := sumsOf(t, s, user, store.Now().Format(time.DateOnly))
		if want := [3]int64{admitted.Load(), spent.Load(), 0}; got != want || got[1] > limit {
			t.Errorf("%v of %d, want %v", got, limit, want)
		}
	})
}

// spend makes a call that costs no more than it may, and returns the cost.
func spend(ctx context.Context, t *testing.T, l *Ledger) (cost int64, ok bool) {
	t.Helper()
	r, err := l.Reserve(ctx, Call{Kind: Chat, Model: "m", PromptTokens: 4, MaxTokens: 1 + rand.Int64N(14)})
	if err != nil {
		if reasonOf(err) != apierr.QuotaExceeded {
			t.Error(err)
		}
		return 0, false
	}
	c := Cost{PromptTokens: 4, CompletionTokens: rand.Int64N(r.MaxTokens() + 1), Exact: true, Outcome: OK}
	time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
	r.Settle(ctx, c)
	return c.tokens(), true
}
