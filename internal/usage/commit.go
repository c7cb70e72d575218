package usage

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/usageperiod"
	"github.com/paddock-gate/paddock/internal/store"
)

// entry is a reservation or a settlement that waits to be committed. Exactly one of the two is set.
type entry struct {
	reserve *Reservation
	settle  *Reservation
	cost    Cost
	refused error // of a reservation
	done    chan error
}

// groupSize bounds how many entries share a commit.
const groupSize = 64

// errSettled is the error of a settlement that is not the call's first.
var errSettled = errors.New("settled already")

// put hands the entry to whoever commits; when nobody does, to a new goroutine that goes on until nothing waits.
func (l *Ledger) put(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, e)
	if !l.busy {
		l.busy = true
		go l.commitAll()
	}
}

func (l *Ledger) next() []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.waiting), groupSize)
	group := slices.Clone(l.waiting[:n])
	l.waiting = slices.Delete(l.waiting, 0, n)
	l.busy = n > 0
	return group
}

func (l *Ledger) commitAll() {
	for group := l.next(); len(group) > 0; group = l.next() {
		err := l.commit(group)
		if err == nil || len(group) == 1 || errors.Is(err, store.ErrAway) {
			tell(group, err)
			continue
		}
		for _, e := range group { // one of them spoils it for all
			tell([]*entry{e}, l.commit([]*entry{e}))
		}
	}
}

func tell(group []*entry, err error) {
	for _, e := range group {
		switch {
		case err == nil:
			e.done <- e.refused
		case e.settle != nil && store.Taken(err, "usage_records.id"):
			e.done <- errSettled
		default:
			e.done <- err
		}
	}
}

// commit writes a group as one transaction, which may run more than once.
func (l *Ledger) commit(group []*entry) error {
	return l.write(context.Background(), "usage", func(ctx context.Context, tx *db.Tx) error {
		sums := newSums(ctx, tx)
		if err := sums.lock(group); err != nil {
			return err
		}
		for _, e := range group {
			var err error
			if e.settle != nil {
				err = settle(ctx, tx, sums, e.settle, e.cost)
			} else if e.refused = sums.admit(e.reserve); e.refused == nil {
				err = l.reserve(ctx, tx, e.reserve)
			}
			if err != nil {
				return err
			}
		}
		return sums.write()
	})
}

func (l *Ledger) reserve(ctx context.Context, tx *db.Tx, r *Reservation) error {
	return store.Send(ctx, tx, `INSERT INTO reservations (id, replica_id, user_id, credential_id, session_id, kind, model, `+
		`prompt_tokens, reserved, produced, started_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10)`,
		r.id, l.replica, r.who.UserID, optional(r.who.CredentialID), optional(r.who.SessionID), string(r.call.Kind), r.call.Model,
		r.call.PromptTokens, r.reserved, r.startedAt)
}

// settle writes the usage record, whose id makes sure that it is the only one, in the place of the reservation.
func settle(ctx context.Context, tx *db.Tx, sums *sums, r *Reservation, cost Cost) error {
	day, _ := periods(r.startedAt)
	err := store.Send(ctx, tx, `INSERT INTO usage_records (id, user_id, credential_id, session_id, kind, model, prompt_tokens, `+
		`completion_tokens, duration_ms, outcome, estimated, day, started_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		r.id, r.who.UserID, optional(r.who.CredentialID), optional(r.who.SessionID), string(r.call.Kind), r.call.Model, cost.PromptTokens,
		cost.CompletionTokens, cost.Total.Milliseconds(), string(cost.Outcome), !cost.Exact, day, r.startedAt)
	if err != nil {
		return err
	}
	sums.charge(r, cost.tokens())
	return store.Send(ctx, tx, `DELETE FROM reservations WHERE id = $1`, r.id)
}

func optional(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }

// sums are the usage periods that a group is about: as they are in the database, for those that were locked, and what
// the group adds.
type sums struct {
	ctx   context.Context //nolint:containedctx // of the one transaction
	tx    *db.Tx
	known map[string]*sum
}

type sum struct {
	user           uuid.UUID
	period         string
	used, reserved int64 // in all
	add            struct{ requests, used, reserved int64 }
}

func newSums(ctx context.Context, tx *db.Tx) *sums {
	return &sums{ctx: ctx, tx: tx, known: map[string]*sum{}}
}

func (s *sums) of(user uuid.UUID, period string) *sum {
	id := periodID(user, period)
	if s.known[id] == nil {
		s.known[id] = &sum{user: user, period: period}
	}
	return s.known[id]
}

// lock reads the periods of users with a quota, and keeps everybody else from changing them until the commit. Always in
// the order of their ids, so that no two replicas wait for each other.
func (s *sums) lock(group []*entry) error {
	for _, e := range group {
		r := e.reserve
		if r == nil {
			r = e.settle
		}
		if !r.limits.none() {
			day, month := periods(r.startedAt)
			s.of(r.who.UserID, day)
			s.of(r.who.UserID, month)
		}
	}
	ids := slices.Sorted(maps.Keys(s.known))
	for _, id := range ids {
		if err := s.upsert(id, s.known[id]); err != nil {
			return err
		}
	}
	for _, id := range ids {
		row, err := s.tx.UsagePeriod.Query().Where(usageperiod.ID(id)).Only(s.ctx)
		if err != nil {
			return err
		}
		s.known[id].used, s.known[id].reserved = row.Used, row.Reserved
	}
	return nil
}

// admit reserves what the call may cost, as far as it is there, or says what is not.
func (s *sums) admit(r *Reservation) error {
	if r.limits.none() {
		return nil
	}
	day, month := periods(r.startedAt)
	least := r.call.PromptTokens
	demand := least
	if r.call.Kind != Embed {
		least++
		demand += r.call.MaxTokens
		if r.call.MaxTokens == 0 {
			demand += defaultCompletion
		}
	}
	for _, p := range []struct {
		sum     *sum
		limit   *int64
		monthly bool
	}{{s.of(r.who.UserID, day), r.limits.day, false}, {s.of(r.who.UserID, month), r.limits.month, true}} {
		if p.limit == nil {
			continue
		}
		left := *p.limit - p.sum.used - p.sum.reserved
		if left < least {
			return exceeded(p.sum, *p.limit, least, resets(r.startedAt, p.monthly))
		}
		demand = min(demand, left)
	}
	r.reserved = max(demand, 1)
	if r.call.Kind != Embed {
		r.max = demand - r.call.PromptTokens
	}
	s.of(r.who.UserID, day).hold(r.reserved)
	s.of(r.who.UserID, month).hold(r.reserved)
	return nil
}

func (s *sum) hold(tokens int64) {
	s.reserved += tokens
	s.add.reserved += tokens
}

func (s *sum) charge(tokens, reserved int64) {
	s.hold(-reserved)
	s.used += tokens
	s.add.used += tokens
	s.add.requests++
}

// charge settles a call. Of what it cost beyond its reservation, which a wrong estimate of the prompt can make it, only as
// much is charged as the quota has left: a quota is never overrun.
func (s *sums) charge(r *Reservation, tokens int64) {
	day, month := periods(r.startedAt)
	d, m := s.of(r.who.UserID, day), s.of(r.who.UserID, month)
	if r.reserved > 0 && tokens > r.reserved {
		beyond := int64(0) // of a dead replica's call nobody knows what the quota was
		if !r.limits.none() {
			beyond = max(0, min(d.left(r.limits.day), m.left(r.limits.month)))
		}
		tokens = min(tokens, r.reserved+beyond)
	}
	d.charge(tokens, r.reserved)
	m.charge(tokens, r.reserved)
}

// left is what of the limit is neither used nor reserved.
func (s *sum) left(limit *int64) int64 {
	if limit == nil {
		return 1 << 62
	}
	return *limit - s.used - s.reserved
}

// write adds what the group adds, in the order in which lock locks.
func (s *sums) write() error {
	for _, id := range slices.Sorted(maps.Keys(s.known)) {
		if p := s.known[id]; p.add.requests != 0 || p.add.used != 0 || p.add.reserved != 0 {
			if err := s.upsert(id, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sums) upsert(id string, p *sum) error {
	return store.Send(s.ctx, s.tx, `INSERT INTO usage_periods (id, user_id, period, requests, used, reserved) `+
		`VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET requests = usage_periods.requests + excluded.requests, `+
		`used = usage_periods.used + excluded.used, reserved = usage_periods.reserved + excluded.reserved`,
		id, p.user, p.period, p.add.requests, p.add.used, p.add.reserved)
}
