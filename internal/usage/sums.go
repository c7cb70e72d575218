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

func (s *sums) of(r *Reservation, period string) *sum {
	id := periodID(r.who.UserID, period)
	if s.known[id] == nil {
		s.known[id] = &sum{user: r.who.UserID, period: period}
	}
	return s.known[id]
}

// periods returns the sums of the day and the month of a call.
func (s *sums) periods(r *Reservation) (day, month *sum) {
	d, m := periods(r.startedAt)
	return s.of(r, d), s.of(r, m)
}

// limited reports whether the call is one of a user with a quota.
func (r *Reservation) limited() bool { return !r.limits.none() || r.reserved != 0 }

// lock reads the periods of the group's users and keeps everybody else from changing them until the commit. Always in the order of
// their ids, so that no two replicas wait for each other. A group that does no more than charge what is reserved does without.
func (s *sums) lock(group []*entry) error {
	if !slices.ContainsFunc(group, (*entry).asks) {
		return nil
	}
	for _, e := range group {
		if e.act != record {
			s.periods(e.Reservation)
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

// asks reports whether what becomes of the entry depends on what is left of a quota.
func (e *entry) asks() bool {
	switch e.act {
	case admission, withdrawal:
		return e.limited()
	case settlement: // those of others remove rows before they write periods, as withdrawals do
		return e.limited() && (e.others || e.cost.tokens() > e.reserved)
	case record, restitution:
	}
	return false
}

// admit reserves what the call may cost, as far as it is there, or says what is not. What is free of the lease comes first.
func (s *sums) admit(r *Reservation, p *pool) error {
	prompt, demand := r.demand()
	least := prompt
	if r.call.Kind != Embed {
		least++
	}
	day, month := s.periods(r)
	var refusal error
	longest := time.Duration(0)
	for _, period := range []struct {
		sum     *sum
		limit   *int64
		monthly bool
	}{{day, r.limits.day, false}, {month, r.limits.month, true}} {
		if period.limit == nil {
			continue
		}
		left := period.sum.left(period.limit) + p.free
		if left < least {
			// The wait of a period that ended while the call waited for the commit is none.
			wait, err := exceeded(period.sum, period.sum.reserved-p.free, *period.limit, least, resets(r.startedAt, period.monthly))
			if refusal == nil || wait > longest {
				longest, refusal = wait, err
			}
		}
		demand = min(demand, left)
	}
	if refusal != nil {
		return refusal
	}
	r.grant(demand)
	more := max(0, demand-p.free)
	s.hold(r, more)
	p.free += more - demand
	p.add += more
	p.demand += demand
	p.most = max(p.most, demand)
	return nil
}

// left is what of a user's quotas is neither used nor reserved.
func (s *sums) left(r *Reservation) int64 {
	day, month := s.periods(r)
	return min(day.left(r.limits.day), month.left(r.limits.month))
}

// hold reserves so many more tokens for a call, or frees them.
func (s *sums) hold(r *Reservation, tokens int64) {
	day, month := s.periods(r)
	day.hold(tokens)
	month.hold(tokens)
}

func (s *sum) hold(tokens int64) {
	s.reserved += tokens
	s.add.reserved += tokens
}

// charge settles a call. Of what it cost beyond its reservation, which a wrong estimate of the prompt can make it, each
// period is charged only as much as it has left: a quota is never overrun.
func (s *sums) charge(e *entry) {
	day, month := s.periods(e.Reservation)
	day.charge(day.within(e, e.limits.day), e.freed())
	month.charge(month.within(e, e.limits.month), e.freed())
}

func (s *sum) charge(tokens, freed int64) {
	s.hold(-freed)
	s.used += tokens
	s.add.used += tokens
	s.add.requests++
}

// within cuts what a call cost to what the period has for it.
func (s *sum) within(e *entry, limit *int64) int64 {
	cost := e.cost.tokens()
	switch {
	case !e.limited() || cost <= e.reserved:
		return cost
	case e.limits.none(): // the quota of a dead replica's call is not known
		return e.reserved
	}
	return min(cost, e.reserved+max(0, s.left(limit)))
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
