package usage

import (
	"fmt"
	"slices"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/usage/period"
)

// sums are the usage periods that a group is about.
type sums struct{ *period.Sums }

// periods returns the sums of the day and the month of a call.
func (s sums) periods(r *Reservation) (day, month *period.Sum) {
	return s.Of(r.who.UserID, r.startedAt)
}

// limited reports whether the call is one of a user with a quota.
func (r *Reservation) limited() bool { return !r.limits.None() || r.reserved != 0 }

// lock reads the periods of the group's users and keeps everybody else from changing them until the commit. A group that does no more
// than charge what is reserved does without.
func (s sums) lock(group []*entry) error {
	if !slices.ContainsFunc(group, (*entry).asks) {
		return nil
	}
	for _, e := range group {
		if e.act != record {
			s.periods(e.Reservation)
		}
	}
	return s.Lock()
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
func (s sums) admit(r *Reservation, p *pool) error {
	prompt, demand := r.demand()
	least := prompt
	if r.call.Kind != Embed {
		least++
	}
	day, month := s.periods(r)
	var refusal error
	longest := time.Duration(0)
	for _, of := range []struct {
		sum     *period.Sum
		limit   *int64
		monthly bool
	}{{day, r.limits.Day, false}, {month, r.limits.Month, true}} {
		if of.limit == nil {
			continue
		}
		left := of.sum.Left(of.limit) + p.free
		if left < least {
			// The wait of a period that ended while the call waited for the commit is none.
			wait, err := exceeded(of.sum, of.sum.Reserved-p.free, *of.limit, least, period.Resets(r.startedAt, of.monthly))
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
func (s sums) left(r *Reservation) int64 {
	day, month := s.periods(r)
	return min(day.Left(r.limits.Day), month.Left(r.limits.Month))
}

// hold reserves so many more tokens for a call, or frees them.
func (s sums) hold(r *Reservation, tokens int64) {
	day, month := s.periods(r)
	day.Hold(tokens)
	month.Hold(tokens)
}

// charge settles a call. Of what it cost beyond its reservation, which a wrong estimate of the prompt can make it, each
// period is charged only as much as it has left: a quota is never overrun.
func (s sums) charge(e *entry) {
	day, month := s.periods(e.Reservation)
	day.Charge(within(day, e, e.limits.Day), e.freed())
	month.Charge(within(month, e, e.limits.Month), e.freed())
}

// within cuts what a call cost to what the period has for it.
func within(s *period.Sum, e *entry, limit *int64) int64 {
	cost := e.cost.tokens()
	switch {
	case !e.limited() || cost <= e.reserved:
		return cost
	case e.limits.None(): // the quota of a dead replica's call is not known
		return e.reserved
	}
	return min(cost, e.reserved+max(0, s.Left(limit)))
}

// heldFor is when to ask again for tokens that running calls hold and may give back.
const heldFor = 5 * time.Second

// exceeded refuses a call that needs more tokens than the period has left, of which others hold some, and returns how long that lasts.
func exceeded(p *period.Sum, held, limit, need int64, reset time.Time) (time.Duration, *connect.Error) {
	span := "day"
	if len(p.Period) == len("2006-01") {
		span = "month"
	}
	message := fmt.Sprintf("token quota exceeded: %d of %d tokens used this %s", p.Used, limit, span)
	if held > 0 {
		message += fmt.Sprintf(", %d held by running calls", held)
	}
	message += fmt.Sprintf("; this call needs at least %d; the quota will reset at %s", need, reset.Format(time.RFC3339))
	wait := time.Until(reset)
	if limit-p.Used >= need {
		wait = min(wait, heldFor)
	}
	return wait, apierr.Retry(connect.CodeResourceExhausted, apierr.QuotaExceeded, message, wait)
}
