package usage

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestReserve_RacingReservations: of 1,000 on three replicas, as many are made as there is room for: 100.
// A ledger that looks and then takes, without the statement by which sums.Lock locks, makes 131 to 228 on PostgreSQL.
func TestReserve_RacingReservations(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		ledgers := []*Ledger{replica(s)}
		for range 2 {
			if s.Embedded() { // which has one replica
				break
			}
			ledgers = append(ledgers, replica(storetest.Open(t, url)))
		}
		for range 3 {
			race(t, s, ledgers)
		}
	})
}

func race(t *testing.T, s *store.Store, ledgers []*Ledger) {
	t.Helper()
	user := uuid.New()
	ctx := as(t, user, new(int64(1000)), new(int64(5000)))
	var made, refused atomic.Int64
	var calls sync.WaitGroup
	start := make(chan struct{})
	for i := range 1000 {
		calls.Go(func() {
			<-start
			r, err := ledgers[i%len(ledgers)].Reserve(ctx, ask)
			switch {
			case err == nil:
				made.Add(1)
				r.Settle(ctx, Cost{PromptTokens: 4, CompletionTokens: 6, Exact: true, Outcome: OK})
			case reasonOf(err) == apierr.QuotaExceeded:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	close(start)
	calls.Wait()
	for _, l := range ledgers {
		written(t, l)
	}
	if made.Load() != 100 || refused.Load() != 900 {
		t.Errorf("%d were made and %d refused, want 100 and 900", made.Load(), refused.Load())
	}
	if got, want := sumsOf(t, s, user, store.Now().Format(time.DateOnly)), [3]int64{100, 1000, 0}; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}
