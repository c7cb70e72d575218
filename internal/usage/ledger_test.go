package usage

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
	"github.com/paddock-gate/paddock/internal/usage/period"
)

// replica is a ledger as a replica has it, on a database that it may share.
func replica(s *store.Store) *Ledger { return NewLedger(s, audit.Open(s), caller.Quota{}) }

// as is the context of a user's call; what is nil has no limit.
func as(t testing.TB, user uuid.UUID, day, month *int64) context.Context {
	t.Helper()
	return caller.With(t.Context(), &caller.Caller{
		UserID: user, Quota: caller.Quota{TokensPerDay: day, TokensPerMonth: month},
	})
}

// ask is a call that costs 10 tokens at most.
var ask = Call{Kind: Chat, Model: "tiny-chat:latest", PromptTokens: 4, MaxTokens: 6}

func reserve(t testing.TB, l *Ledger, ctx context.Context) *Reservation {
	t.Helper()
	r, err := l.Reserve(ctx, ask)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// withRow makes the call one that has run for long enough to have a row of its own.
func withRow(t testing.TB, l *Ledger, r *Reservation) *Reservation {
	t.Helper()
	l.mu.Lock()
	r.writing = make(chan struct{})
	l.mu.Unlock()
	if err := l.writeRows(t.Context(), []*Reservation{r}); err != nil {
		t.Fatal(err)
	}
	return r
}

// written waits until every call that was settled is settled in the database.
func written(t testing.TB, l *Ledger) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		n := 0
		for _, r := range l.live {
			if r.settled.Load() {
				n++
			}
		}
		l.mu.Unlock()
		switch {
		case n == 0:
			return
		case time.Now().After(deadline):
			t.Fatalf("%d calls are not settled", n)
		}
	}
}

// sweep sweeps twice: the first time may be a look only.
func sweep(t testing.TB, l *Ledger) {
	t.Helper()
	for range 2 {
		if err := l.Sweep(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func exec(t testing.TB, s *store.Store, statement string, args ...any) {
	t.Helper()
	err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := store.Exec(store.WithWrites(ctx), tx, statement, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// account is all that a ledger holds: settled calls and their tokens, what is reserved, and what the periods say.
type account struct {
	records, tokens, reservations int64
}

func accountOf(t testing.TB, s *store.Store) account {
	t.Helper()
	var a account
	err := s.Read(t.Context(), `SELECT (SELECT count(*) FROM usage_records), (SELECT CAST(coalesce(sum(prompt_tokens + completion_tokens), 0) AS bigint) `+
		`FROM usage_records), (SELECT count(*) FROM reservations)`, nil, func(row store.Row) error {
		return row.Scan(&a.records, &a.tokens, &a.reservations)
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// sumsOf are the user's calls, tokens used and tokens held in a period.
func sumsOf(t testing.TB, s *store.Store, user uuid.UUID, of string) [3]int64 {
	t.Helper()
	row, err := s.UsagePeriod.Get(t.Context(), period.ID(user, of))
	if db.IsNotFound(err) {
		return [3]int64{}
	}
	if err != nil {
		t.Fatal(err)
	}
	return [3]int64{row.Requests, row.Used, row.Reserved}
}

// silence makes a replica look dead: one that froze, or whose database was away for it alone.
func silence(t testing.TB, s *store.Store, l *Ledger) {
	t.Helper()
	exec(t, s, `UPDATE replicas SET seen_at = $1 WHERE id = $2`, store.Now().Add(-2*staleAfter), l.replica)
}

// TestSettle_Once although its replica, which was frozen and taken for dead, comes back and settles it, too.
func TestSettle_Once(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		frozen, other := replica(s), replica(s)
		user := uuid.New()
		r := withRow(t, frozen, reserve(t, frozen, as(t, user, new(int64(100)), nil)))
		silence(t, s, frozen)
		sweep(t, other)
		r.Settle(t.Context(), Cost{PromptTokens: 4, CompletionTokens: 6, Exact: true, Outcome: OK})
		written(t, frozen)
		if got, want := accountOf(t, s), (account{records: 1, tokens: 4}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if got, want := sumsOf(t, s, user, r.startedAt.Format(time.DateOnly)), [3]int64{1, 4, 0}; got != want {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// TestSweep_ConcurrentSweeps and each of its calls is settled once; a sweep that others keep from a row leaves it to the next.
func TestSweep_ConcurrentSweeps(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		dead := replica(s)
		user := uuid.New()
		const calls = 200
		for range calls {
			withRow(t, dead, reserve(t, dead, as(t, user, nil, new(int64(2500)))))
		}
		silence(t, s, dead)
		var sweeps sync.WaitGroup
		for range 4 {
			l := replica(s)
			sweeps.Go(func() { sweep(t, l) })
		}
		sweeps.Wait()
		sweep(t, replica(s))
		if got, want := accountOf(t, s), (account{records: calls, tokens: 4 * calls}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if got, want := sumsOf(t, s, user, store.Now().Format("2006-01")), [3]int64{calls, 4 * calls, 0}; got != want {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// TestSweep_OwnReservations after it could not say that it lives.
func TestSweep_OwnReservations(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		l := replica(s)
		withRow(t, l, reserve(t, l, as(t, uuid.New(), nil, nil)))
		silence(t, s, l)
		sweep(t, l)
		if got, want := accountOf(t, s), (account{reservations: 1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

// TestSettle_RefundsOnce however often a failed call is settled, and by however many.
func TestSettle_RefundsOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		l, user := replica(s), uuid.New()
		ctx := as(t, user, new(int64(100)), nil)
		kept, r := reserve(t, l, ctx), reserve(t, l, ctx)
		var settling sync.WaitGroup
		for range 10 {
			settling.Go(func() { r.Settle(ctx, Cost{Outcome: Failed}) })
		}
		settling.Wait()
		written(t, l)
		if got, want := sumsOf(t, s, user, r.startedAt.Format(time.DateOnly)), [3]int64{1, 0, kept.reserved}; got != want {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// TestSettle_QuotaChangedMeanwhile holds from the next call on; what runs is settled as it was admitted.
func TestSettle_QuotaChangedMeanwhile(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		l, user := replica(s), uuid.New()
		unlimited, limited := as(t, user, nil, nil), as(t, user, new(int64(15)), nil)
		full := Cost{PromptTokens: 4, CompletionTokens: 6, Exact: true, Outcome: OK}
		day := store.Now().Format(time.DateOnly)

		free := reserve(t, l, unlimited)
		held := reserve(t, l, limited) // the quota came
		free.Settle(unlimited, full)
		written(t, l)
		if got, want := sumsOf(t, s, user, day), [3]int64{1, 10, 10}; got != want {
			t.Errorf("settled what was free: %v, want %v", got, want)
		}
		if _, err := l.Reserve(limited, ask); reasonOf(err) != apierr.QuotaExceeded {
			t.Errorf("beyond the quota: %v", err)
		}
		again := reserve(t, l, unlimited) // and went
		held.Settle(unlimited, full)
		again.Settle(unlimited, full)
		written(t, l)
		// Of the ten that were held five were beyond the quota by then, and yet they were admitted.
		if got, want := sumsOf(t, s, user, day), [3]int64{3, 30, 0}; got != want {
			t.Errorf("settled what was held: %v, want %v", got, want)
		}
	})
}

func reasonOf(err error) apierr.Reason {
	told := (*connect.Error)(nil)
	if !errors.As(err, &told) {
		return ""
	}
	return apierr.ReasonOf(told)
}

// TestSettle_PeriodsOfTheAdmission: what is held before midnight, UTC, is settled there, also after it, and by another
// replica.
func TestSettle_PeriodsOfTheAdmission(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		user := uuid.New()
		ctx := as(t, user, new(int64(15)), new(int64(1000)))
		clock := time.Date(2027, 1, 31, 23, 59, 59, 999_999_000, time.UTC)
		l, other := replica(s), replica(s)
		l.now = func() time.Time { return clock }
		lived := reserve(t, l, ctx)
		if _, err := l.Reserve(ctx, Call{Kind: Chat, Model: "m", PromptTokens: 6}); reasonOf(err) != apierr.QuotaExceeded {
			t.Errorf("before midnight: %v", err)
		} else if !strings.Contains(err.Error(), "will reset at 2027-02-01T00:00:00Z") {
			t.Error(err)
		}
		clock = clock.Add(time.Microsecond).In(time.FixedZone("UTC-11", -11*3600)) // midnight
		died := withRow(t, l, reserve(t, l, ctx))
		lived.Settle(ctx, Cost{PromptTokens: 4, CompletionTokens: 6, Exact: true, Outcome: OK})
		written(t, l)
		died.Produced(3)
		if err := l.checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
		silence(t, s, l)
		sweep(t, other)
		for period, want := range map[string][3]int64{
			"2027-01-31": {1, 10, 0}, "2027-01": {1, 10, 0}, "2027-02-01": {1, 7, 0}, "2027-02": {1, 7, 0},
		} {
			if got := sumsOf(t, s, user, period); got != want {
				t.Errorf("%s: %v, want %v", period, got, want)
			}
		}
	})
}
