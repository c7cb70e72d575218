package usage

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
	"github.com/paddock-gate/paddock/internal/usage/period"
)

// TestSettle_ChargesWhatEachPeriodHasLeft: a day that is full does not make a month cheaper.
func TestSettle_ChargesWhatEachPeriodHasLeft(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		l, user := replica(s), uuid.New()
		ctx := as(t, user, new(int64(20)), new(int64(1000)))
		r := reserve(t, l, ctx)
		r.Settle(ctx, Cost{PromptTokens: 94, CompletionTokens: 6, Exact: true, Outcome: OK})
		written(t, l)
		day, month := period.Names(r.startedAt)
		if got := sumsOf(t, s, user, day); got != [3]int64{1, 20, 0} {
			t.Errorf("day %v, want 20 of 20 used", got)
		}
		if got := sumsOf(t, s, user, month); got != [3]int64{1, 100, 0} {
			t.Errorf("month %v, want 100 of 1000 used", got)
		}
	})
}

// TestSettle_OverflowingCounts: what an upstream makes up is charged, too.
func TestSettle_OverflowingCounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		l, user := replica(s), uuid.New()
		ctx := as(t, user, new(int64(100)), nil)
		r := reserve(t, l, ctx)
		r.Settle(ctx, Cost{PromptTokens: math.MaxInt64, CompletionTokens: math.MaxInt64 - 50, Exact: true, Outcome: OK})
		written(t, l)
		day, _ := period.Names(r.startedAt)
		if got := sumsOf(t, s, user, day); got != [3]int64{1, 100, 0} {
			t.Errorf("day %v, want 100 of 100 used", got)
		}
	})
}

// TestCommit_LockedUsersDelayNoOthers: a replica that freezes in mid-transaction holds some users' rows. Everybody has an answer within 2 s.
func TestCommit_LockedUsersDelayNoOthers(t *testing.T) {
	url := storetest.PostgreSQL(t)
	s, frozen := storetest.Open(t, url), storetest.Open(t, url)
	l := replica(s)
	var held []context.Context
	for range 6 {
		ctx := as(t, uuid.New(), new(int64(1000)), nil)
		reserve(t, l, ctx)
		held = append(held, ctx)
	}
	locked, thaw := make(chan struct{}), make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		_ = frozen.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			_, err := store.Exec(store.WithWrites(ctx), tx, `UPDATE usage_periods SET used = used`)
			close(locked)
			<-thaw
			return err
		})
	})
	<-locked
	call := func(ctx context.Context) error {
		began := time.Now()
		_, err := l.Reserve(ctx, ask)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%v is the answer after %v", err, took)
		}
		return err
	}
	refused := func(ctx context.Context) func() {
		return func() {
			if err := call(ctx); !errors.Is(err, store.ErrAway) {
				t.Errorf("call of a user whose row is locked: %v", err)
			}
		}
	}
	running.Go(refused(held[0]))
	time.Sleep(100 * time.Millisecond) // that one is being committed, and the others wait together
	for _, ctx := range held {
		running.Go(refused(ctx))
	}
	for range 5 {
		running.Go(func() {
			if err := call(as(t, uuid.New(), new(int64(100)), nil)); err != nil {
				t.Errorf("call of somebody else: %v", err)
			}
		})
	}
	time.Sleep(3 * time.Second)
	close(thaw)
	running.Wait()
}

// TestSweep_ClockAhead: replicas tell by the database's clock who lives.
func TestSweep_ClockAhead(t *testing.T) {
	s := storetest.Open(t, storetest.PostgreSQL(t))
	l, ahead, user := replica(s), replica(s), uuid.New()
	ahead.now = func() time.Time { return store.Now().Add(2 * staleAfter) }
	withRow(t, l, reserve(t, l, as(t, user, nil, nil)))
	sweep(t, ahead)
	if got := accountOf(t, s); got.reservations != 1 {
		t.Errorf("%+v: the running call of a living replica was settled", got)
	}
	silence(t, s, l)
	sweep(t, ahead)
	if got := accountOf(t, s); got.reservations != 0 {
		t.Errorf("%+v: the call of a dead replica was not settled", got)
	}
}

// TestSweep_CallsSettled to the metrics, by the replica that settles them.
func TestSweep_CallsSettled(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		dead, l := replica(s), replica(s)
		told := 0
		l.Settled = func(Call, Cost) { told++ }
		withRow(t, dead, reserve(t, dead, as(t, uuid.New(), nil, nil)))
		silence(t, s, dead)
		sweep(t, l)
		if told != 1 {
			t.Errorf("%d records were written, and %d told", accountOf(t, s).records, told)
		}
	})
}

// TestSweep_ConcurrentAdmission when two replicas settle the same dead call, one of them together with an
// admission of the same user.
func TestSweep_ConcurrentAdmission(t *testing.T) {
	url := storetest.NewCluster(t).Database(t) // whose statistics nobody else adds to
	s := storetest.Open(t, url)
	dead, one, two := replica(s), replica(storetest.Open(t, url)), replica(storetest.Open(t, url))
	ctx := as(t, uuid.New(), new(int64(1<<40)), nil)
	for range 200 {
		r := withRow(t, dead, reserve(t, dead, ctx))
		swept := func(l *Ledger) *entry { // as Sweep reads it
			e := newEntry(settlement, &Reservation{ledger: l, id: r.id, call: r.call, reserved: r.reserved, startedAt: r.startedAt})
			e.who.UserID = r.who.UserID
			e.cost = Cost{PromptTokens: 4, Outcome: Aborted}
			return e
		}
		fresh := &Reservation{ledger: one, id: uuid.Must(uuid.NewV7()), call: ask, who: r.who, startedAt: r.startedAt, limits: r.limits}
		var both sync.WaitGroup
		both.Go(func() { _ = one.commit([]*entry{swept(one), newEntry(admission, fresh)}, lockWait) }) // one of them is too late
		both.Go(func() { _ = two.commit([]*entry{swept(two)}, lockWait) })
		both.Wait()
	}
	for _, l := range []*Ledger{dead, one, two} { // a server process tells the statistics when it ends
		if err := l.store.Close(); err != nil {
			t.Error(err)
		}
	}
	s = storetest.Open(t, url)
	number := func(query string) (n int) {
		if err := s.Read(t.Context(), query, nil, func(row store.Row) error { return row.Scan(&n) }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for number(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`) > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	if n := number(`SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`); n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}

// TestReserve_RetryOfReservedTokens: nobody is sent away until midnight for tokens that a running call may give back.
func TestReserve_RetryOfReservedTokens(t *testing.T) {
	l := replica(storetest.Open(t, storetest.SQLite(t)))
	ctx := as(t, uuid.New(), nil, new(int64(4000)))
	unbounded := Call{Kind: Chat, Model: "m", PromptTokens: 1}
	r, err := l.Reserve(ctx, unbounded)
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Reserve(ctx, unbounded)
	if wait := retryAfter(t, err); wait <= 0 || wait > heldFor {
		t.Errorf("retry after %v: %v", wait, err)
	}
	r.Settle(ctx, Cost{PromptTokens: 4000, Exact: true, Outcome: OK})
	written(t, l)
	_, err = l.Reserve(ctx, unbounded)
	if wait := retryAfter(t, err); wait <= heldFor && time.Until(period.Resets(r.startedAt, true)) > heldFor {
		t.Errorf("retry after %v when all is used: %v", wait, err)
	}
}

func retryAfter(t *testing.T, err error) time.Duration {
	t.Helper()
	told, ok := errors.AsType[*connect.Error](err)
	if !ok {
		t.Fatal(err)
	}
	for _, d := range told.Details() {
		value, err := d.Value()
		if retry, ok := value.(*errdetails.RetryInfo); ok && err == nil {
			return retry.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// TestReserve_LaterReset where day and month are both used up.
func TestReserve_LaterReset(t *testing.T) {
	l := replica(storetest.Open(t, storetest.SQLite(t)))
	ctx := as(t, uuid.New(), new(int64(10)), new(int64(10)))
	l.now = func() time.Time { return time.Date(2126, 1, 10, 12, 0, 0, 0, time.UTC) }
	reserve(t, l, ctx).Settle(ctx, Cost{PromptTokens: 4, CompletionTokens: 6, Exact: true, Outcome: OK})
	written(t, l)
	if _, err := l.Reserve(ctx, ask); err == nil || !strings.Contains(err.Error(), "2126-02-01") {
		t.Error(err)
	}
}
