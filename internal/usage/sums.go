package usage

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/usageperiod"
	"github.com/paddock-gate/paddock/internal/store"
)

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

// lock reads the periods of users with a quota, those whose calls another replica has left behind included, and keeps
// everybody else from changing them until the commit. Always in the order of their ids, so that no two replicas wait for
// each other.
func (s *sums) lock(group []*entry) error {
	for _, e := range group {
		if r := e.Reservation; !r.limits.none() || r.reserved > 0 {
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
	if len(ids) == 0 {
		return nil
	}
	rows, err := s.tx.UsagePeriod.Query().Where(usageperiod.IDIn(ids...)).All(s.ctx)
	for _, row := range rows {
		s.known[row.ID].used, s.known[row.ID].reserved = row.Used, row.Reserved
	}
	return err
}

// admit reserves what the call may cost, as far as it is there, or says what is not.
func (s *sums) admit(r *Reservation) error {
	if r.limits.none() {
		return nil
	}
	day, month := periods(r.startedAt)
	prompt := max(r.call.PromptTokens, 1) // not even an empty one where the quota is 0
	least, demand := prompt, prompt
	if r.call.Kind != Embed {
		least++
		demand += r.call.MaxTokens
		if r.call.MaxTokens == 0 {
			demand += r.ledger.AnswerTokens
		}
	}
	var refusal error
	longest := time.Duration(0)
	for _, p := range []struct {
		sum     *sum
		limit   *int64
		monthly bool
	}{{s.of(r.who.UserID, day), r.limits.day, false}, {s.of(r.who.UserID, month), r.limits.month, true}} {
		if p.limit == nil {
			continue
		}
		left := p.sum.left(p.limit)
		if left < least {
			if wait, err := exceeded(p.sum, *p.limit, least, resets(r.startedAt, p.monthly)); wait > longest {
				longest, refusal = wait, err
			}
		}
		demand = min(demand, left)
	}
	if refusal != nil {
		return refusal
	}
	r.reserved = demand
	if r.call.Kind != Embed {
		r.max = demand - prompt
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

// release frees what a call had reserved.
func (s *sums) release(r *Reservation) {
	day, month := periods(r.startedAt)
	s.of(r.who.UserID, day).hold(-r.reserved)
	s.of(r.who.UserID, month).hold(-r.reserved)
}

// charge settles a call. Of what it cost beyond its reservation, which a wrong estimate of the prompt can make it, each
// period is charged only as much as it has left: a quota is never overrun.
func (s *sums) charge(r *Reservation, tokens int64) {
	day, month := periods(r.startedAt)
	d, m := s.of(r.who.UserID, day), s.of(r.who.UserID, month)
	d.charge(d.within(r, r.limits.day, tokens), r.reserved)
	m.charge(m.within(r, r.limits.month, tokens), r.reserved)
}

// within cuts what a call cost to what the period has for it.
func (s *sum) within(r *Reservation, limit *int64, tokens int64) int64 {
	switch {
	case r.reserved == 0: // no quota
		return tokens
	case r.limits.none(): // the quota of a dead replica's call is not known
		return min(tokens, r.reserved)
	}
	return min(tokens, r.reserved+max(0, s.left(limit)))
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
