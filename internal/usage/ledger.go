package usage

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/coalesce"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/telemetry"
	"github.com/paddock-gate/paddock/internal/usage/period"
)

// answerTokens is the default of AnswerTokens.
const answerTokens = 4096

// Ledger reserves and settles. What waits while a commit is on its way goes into the next one together, and most calls need none
// before they begin: see lease.
type Ledger struct {
	store    *store.Store
	log      *audit.Log
	defaults caller.Quota
	replica  uuid.UUID
	now      func() time.Time // of the calls

	entries *coalesce.Batch[*entry] // that wait to be committed
	commits atomic.Uint64           // how many there were
	states  *period.States

	mu      sync.Mutex
	behind  bool                       // the last write found the database unavailable
	seen    time.Time                  // when this replica last wrote its heartbeat, by its own wall clock
	live    map[uuid.UUID]*Reservation // not settled in the database, leases included
	leases  map[leaseKey]*lease
	unsure  time.Time      // when last a commit failed that may have reserved tokens
	later   []*entry       // settlements that may wait for an admission
	open    sync.WaitGroup // settlements
	closing bool           // open is waited for, and so takes no more

	blind bool // see Sweep

	// AnswerTokens is how many completion tokens a user with a quota gets for a call that asks for no number.
	AnswerTokens int64
	// Settled, if set, is called for every call that has been settled here. It must not block.
	Settled func(Call, Cost)
}

// NewLedger returns the ledger of this replica; the quota is that of users who have none of their own.
func NewLedger(s *store.Store, log *audit.Log, defaults caller.Quota) *Ledger {
	l := &Ledger{
		store: s, log: log, defaults: defaults, AnswerTokens: answerTokens,
		replica: uuid.Must(uuid.NewV7()), now: store.Now, live: map[uuid.UUID]*Reservation{}, leases: map[leaseKey]*lease{},
		blind: !s.Embedded(),
	}
	l.states = period.NewStates(s, defaults, l.commits.Load)
	l.entries = coalesce.NewBatch(coalesce.BatchOptions{Commits: 1, Jobs: groupSize}, l.commitGroup)
	return l
}

// Reservation is an admitted call, to be settled once.
type Reservation struct {
	ledger    *Ledger
	id        uuid.UUID
	call      Call
	who       caller.Caller
	startedAt time.Time
	began     time.Time // the same, by a clock that is never set back
	limits    period.Limits
	reserved  int64 // tokens; 0: no quota
	max       int64
	produced  atomic.Int64
	settled   atomic.Bool

	// These are guarded by the ledger's mu.
	lease    *lease        // that the reserved tokens belong to; nil if the call has its own row, or no quota
	row      bool          // it has its own row in the database
	recorded int64         // of produced, in the row
	writing  chan struct{} // closed once it is known whether there is a row, of which the writing has begun; nil before
	tried    bool          // the row is being written just now
	doubt    bool          // a try to write the row may have been committed
}

// Reserve admits a call of the context's caller, or refuses it with QUOTA_EXCEEDED, or fails with store.ErrAway. The tokens of an
// admitted call are reserved in the database by then, whether or not the caller still waits.
func (l *Ledger) Reserve(ctx context.Context, call Call) (*Reservation, error) {
	_, span := telemetry.Start(ctx, trace.SpanKindInternal, "reserve")
	defer span.End()
	c := caller.From(ctx)
	r := &Reservation{
		ledger: l, id: uuid.Must(uuid.NewV7()), call: call, who: *c, startedAt: l.now(), began: time.Now(),
		limits: period.LimitsOf(c.Quota, l.defaults), max: call.MaxTokens,
	}
	if l.admitAtOnce(r) {
		return r, nil
	}
	e := newEntry(admission, r)
	l.put(e) // without ctx: many calls share a commit, which ends with none of them
	if err := <-e.done; err != nil {
		return nil, err
	}
	return r, nil
}

// MaxTokens is how many completion tokens the call may produce: what was asked for, cut to what is left. 0: no limit.
func (r *Reservation) MaxTokens() int64 { return r.max }

// Produced notes that so many completion tokens have come so far, for when the replica dies.
func (r *Reservation) Produced(tokens int64) { r.produced.Store(tokens) }

// mostTokens is more than any model's counts can be; sums of what an upstream makes up must not overflow.
const mostTokens = 1 << 40

// Settle charges what the call did cost and frees what was reserved beyond it. It does not wait, and what cannot be
// written now is written later. Only the first settlement of a call counts.
func (r *Reservation) Settle(ctx context.Context, cost Cost) {
	if !r.settled.CompareAndSwap(false, true) {
		return
	}
	if cost.Total == 0 {
		cost.Total = time.Since(r.began)
	}
	cost.PromptTokens, cost.CompletionTokens = min(cost.PromptTokens, mostTokens), min(cost.CompletionTokens, mostTokens)
	noted := telemetry.From(ctx)
	noted.Outcome, noted.PromptTokens, noted.CompletionTokens = string(cost.Outcome), cost.PromptTokens, cost.CompletionTokens
	l := r.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if settle := func() { l.settle(context.WithoutCancel(ctx), r, cost) }; l.closing {
		go settle()
	} else {
		l.open.Go(settle)
	}
}

// mostTries bounds how often a settlement is tried that fails although the database is there, such as one that a constraint of the
// operator's refuses.
const mostTries = 10

// settle writes until it is written.
func (l *Ledger) settle(ctx context.Context, r *Reservation, cost Cost) {
	l.awaitRow(ctx, r)
	l.mu.Lock()
	from, kept := r.lease, r.kept(cost.tokens())
	if from != nil {
		from.promised += kept
	}
	l.mu.Unlock()
	tries := 0
	for wait := 100 * time.Millisecond; tries < mostTries; wait = min(2*wait, 5*time.Second) {
		e := newEntry(settlement, r)
		e.cost, e.from, e.kept = cost, from, kept
		l.putLater(e)
		err := <-e.done
		if err == nil && l.Settled != nil {
			l.Settled(r.call, cost)
		}
		if errors.Is(err, errSettled) && from != nil {
			l.settledBefore(e)
		}
		if err == nil || errors.Is(err, errSettled) {
			break
		}
		slog.WarnContext(ctx, "usage not settled yet", "call", r.id, "error", err)
		if !errors.Is(err, store.ErrAway) {
			if tries++; tries == mostTries {
				slog.ErrorContext(ctx, "usage not recorded: its tokens stay reserved until this server stops", "call", r.id,
					"user_id", r.who.UserID, "model", r.call.Model, "prompt_tokens", cost.PromptTokens,
					"completion_tokens", cost.CompletionTokens, "error", err)
			}
		}
		<-time.After(wait)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if from != nil {
		from.promised -= kept
	}
	if tries < mostTries { // else takeBack must not take its tokens for nobody's
		delete(l.live, r.id)
	}
}

// awaitRow waits until it is known whether the call has a row of its own.
func (l *Ledger) awaitRow(ctx context.Context, r *Reservation) {
	for {
		l.mu.Lock()
		writing := r.writing
		l.mu.Unlock()
		if writing == nil {
			return
		}
		select {
		case <-writing:
		case <-time.After(2 * checkpointEvery): // Run may have ended
			_ = l.writeRows(ctx, []*Reservation{r}) // it will be tried again
		}
	}
}

// Unsettled returns how many calls have been admitted here and are not settled in the database yet.
func (l *Ledger) Unsettled() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.live) - len(l.leases)
}

// Close waits until everything is settled, or ctx ends; the rest is then left to another replica.
func (l *Ledger) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	settled := make(chan struct{})
	go func() {
		l.open.Wait()
		close(settled)
	}()
	select {
	case <-settled:
		if err := l.giveBack(true); err != nil {
			return err
		}
		return l.leave(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// State returns a user's quota, as it is set, and how much of it is used.
func (l *Ledger) State(ctx context.Context, user uuid.UUID, set caller.Quota) (*paddockv1.Quota, error) {
	now := store.Now()
	free := l.freeOf(keyOf(user, now, period.LimitsOf(set, l.defaults))) // before the read
	return l.states.Of(ctx, user, set, now, free)
}

// StateOf returns the state of the caller's quota for WhoAmI; nil if there is no token quota.
func (l *Ledger) StateOf(ctx context.Context) (*paddockv1.Quota, error) {
	c := caller.From(ctx)
	if period.LimitsOf(c.Quota, l.defaults).None() {
		return nil, nil
	}
	return l.State(ctx, c.UserID, c.Quota)
}
