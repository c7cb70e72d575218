package usage

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
	"github.com/paddock-gate/paddock/internal/usage/period"
)

// TestReserve_NeverOverrunsAQuota makes calls of every size at once, at moments whose period is running, has just ended or is
// long over when they are committed: what is charged stays within the limits, and a call that is admitted has a limit of its own.
func TestReserve_NeverOverrunsAQuota(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		l := replica(storetest.Open(t, url))
		midnight := store.Now().Truncate(24 * time.Hour)
		month := time.Date(midnight.Year(), midnight.Month(), 1, 0, 0, 0, 0, time.UTC)
		const seed = 13
		random := rand.New(rand.NewPCG(seed, seed))
		for range 40 {
			at := []time.Time{store.Now(), midnight, midnight.Add(-time.Microsecond), month.Add(-time.Microsecond), month.AddDate(0, 0, -40)}[random.IntN(5)]
			l.now = func() time.Time { return at }
			user, dayLimit, monthLimit := uuid.New(), random.Int64N(40), random.Int64N(60)
			limitDay, limitMonth := &dayLimit, &monthLimit
			switch random.IntN(3) {
			case 0:
				limitDay = nil
			case 1:
				limitMonth = nil
			}
			ctx := as(t, user, limitDay, limitMonth)
			var calls sync.WaitGroup
			for range 12 {
				call := Call{Kind: []Kind{Chat, Generate, Embed}[random.IntN(3)], Model: "m", PromptTokens: random.Int64N(12), MaxTokens: random.Int64N(20)}
				cost := Cost{PromptTokens: random.Int64N(15), CompletionTokens: random.Int64N(30), Exact: true, Outcome: OK}
				calls.Go(func() { callOnce(ctx, t, l, call, cost) })
				if random.IntN(3) == 0 {
					calls.Wait()
				}
			}
			calls.Wait()
			written(t, l)
			day, month := period.Names(at)
			if used := sumsOf(t, l.store, user, day); limitDay != nil && used[1] > dayLimit || used[2] != 0 {
				t.Errorf("%v: %d of %d tokens a day are used, %d reserved", at, used[1], dayLimit, used[2])
			}
			if used := sumsOf(t, l.store, user, month); limitMonth != nil && used[1] > monthLimit || used[2] != 0 {
				t.Errorf("%v: %d of %d tokens a month are used, %d reserved", at, used[1], monthLimit, used[2])
			}
		}
	})
}

func callOnce(ctx context.Context, t *testing.T, l *Ledger, call Call, cost Cost) {
	t.Helper()
	r, err := l.Reserve(ctx, call)
	if err != nil {
		if reasonOf(err) != apierr.QuotaExceeded {
			t.Error(err)
		}
		return
	}
	if call.Kind != Embed && r.MaxTokens() <= 0 {
		t.Errorf("%+v is admitted with %d tokens at most", call, r.MaxTokens())
	}
	r.Settle(ctx, cost)
}
