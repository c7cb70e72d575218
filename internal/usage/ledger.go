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
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/telemetry"
)

// answerTokens is the default of AnswerTokens.
const answerTokens = 4096

// Ledger reserves and settles. What waits while a commit is on its way goes into the next one together.
type Ledger struct {
	store    *store.Store
	log      *audit.Log
	defaults caller.Quota
	replica  uuid.UUID
	now      func() time.Time // of the calls

	entries *coalesce.Batch[*entry] // that wait to be committed

	mu      sync.Mutex
	seen    time.Time                  // when this replica last wrote its heartbeat, by its own wall clock
	live    map[uuid.UUID]*Reservation // not settled in the database, or not yet admitted
	unsure  time.Time                  // when last an admission failed that may have been written
	later   []*entry                   // settlements that may wait for an admission
	open    sync.WaitGroup             // settlements
	closing bool                       // open is waited for, and so takes no more

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
		replica: uuid.Must(uuid.NewV7()), now: store.Now, live: map[uuid.UUID]*Reservation{}, blind: !s.Embedded(),
	}
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
	limits    limits
	reserved  int64 // tokens; 0: no quota
	max       int64
	produced  atomic.Int64
	recorded  int64 // of produced, at the last checkpoint
	settled   atomic.Bool
}

// Reserve admits a call of the context's caller, or refuses it with QUOTA_EXCEEDED, or fails with store.ErrAway. An
// admitted call is in the database by then, whether or not the caller still waits.
func (l *Ledger) Reserve(ctx context.Context, call Call) (*Reservation, error) {
	_, span := telemetry.Start(ctx, trace.SpanKindInternal, "reserve")
	defer span.End()
	c := caller.From(ctx)
	r := &Reservation{
		ledger: l, id: uuid.Must(uuid.NewV7()), call: call, who: *c, startedAt: l.now(),
		limits: l.limitsOf(c.Quota), max: call.MaxTokens,
	}
	e := newEntry(admission, r)
	l.mu.Lock()
	l.live[r.id] = r
	l.mu.Unlock()
	l.put(e) // without ctx: many calls share a commit, which ends with none of them
	if err := <-e.done; err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.live, r.id)
		if e.refused == nil {
			l.unsure = l.now()
		}
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
		cost.Total = time.Since(r.startedAt)
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

// settle writes until it is written.
func (l *Ledger) settle(ctx context.Context, r *Reservation, cost Cost) {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		e := newEntry(settlement, r)
		e.cost = cost
		l.putLater(e)
		err := <-e.done
		if err == nil && l.Settled != nil {
			l.Settled(r.call, cost)
		}
		if err == nil || errors.Is(err, errSettled) {
			break
		}
		slog.WarnContext(ctx, "usage not settled yet", "call", r.id, "error", err)
		<-time.After(wait)
	}
	l.mu.Lock()
	delete(l.live, r.id)
	l.mu.Unlock()
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
		return l.leave(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// limits are what holds for a user; nil is no limit.
type limits struct{ day, month *int64 }

func (l limits) none() bool { return l.day == nil && l.month == nil }

func (l *Ledger) limitsOf(q caller.Quota) limits {
	return limits{day: or(q.TokensPerDay, l.defaults.TokensPerDay), month: or(q.TokensPerMonth, l.defaults.TokensPerMonth)}
}

func or[T any](own, fallback *T) *T {
	if own != nil {
		return own
	}
	return fallback
}
