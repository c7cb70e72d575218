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
	ctx      context.Context //nolint:containedctx // of the one transaction
	tx       *db.Tx
	embedded bool // nobody else writes meanwhile
	known    map[string]*sum
}

type sum struct {
	user           uuid.UUID
	period         string
	used, reserved int64 // in all
	add            struct{ requests, used, reserved int64 }
}

func newSums(ctx context.Context, tx *db.Tx, embedded bool) *sums {
	return &sums{ctx: ctx, tx: tx, embedded: embedded, known: map[string]*sum{}}
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
	if len(s.known) == 0 {
		return nil
	}
	found, err := s.read()
	if err != nil || found == len(s.known) || s.embedded {
		return err
	}
	if err := s.upsert(slices.Sorted(maps.Keys(s.known))); err != nil { // a row that is not there cannot be locked
		return err
	}
	_, err = s.read()
	return err
}

// read reads the periods, and locks them where others could write.
func (s *sums) read() (found int, err error) {
	q := s.tx.UsagePeriod.Query().Where(usageperiod.IDIn(slices.Sorted(maps.Keys(s.known))...))
	if !s.embedded {
		q.Order(usageperiod.ByID()).ForUpdate()
	}
	rows, err := q.All(s.ctx)
	for _, row := range rows {
		s.known[row.ID].used, s.known[row.ID].reserved = row.Used, row.Reserved
	}
	return len(rows), err
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
			// The wait of a period that ended while the call waited for the commit is none.
			if wait, err := exceeded(p.sum, *p.limit, least, resets(r.startedAt, p.monthly)); refusal == nil || wait > longest {
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
	var changed []string
	for id, p := range s.known {
		if p.add.requests != 0 || p.add.used != 0 || p.add.reserved != 0 {
			changed = append(changed, id)
		}
	}
	slices.Sort(changed)
	return s.upsert(changed)
}

func (s *sums) upsert(ids []string) error {
	var rows [][]any
	for _, id := range ids {
		p := s.known[id]
		rows = append(rows, []any{id, p.user, p.period, p.add.requests, p.add.used, p.add.reserved})
	}
	return store.SendRows(s.ctx, s.tx, `INSERT INTO usage_periods (id, user_id, period, requests, used, reserved) VALUES `, rows,
		` ON CONFLICT (id) DO UPDATE SET requests = usage_periods.requests + excluded.requests, `+
			`used = usage_periods.used + excluded.used, reserved = usage_periods.reserved + excluded.reserved`)
}
