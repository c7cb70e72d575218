package usage

import (
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/usage/period"
)

// lease is what this replica has reserved of a user's quota ahead of calls, so that most calls are admitted without a commit. In the
// database it is a reservation of leaseKind of which everything is produced: when the replica dies it is charged as a whole, since
// nobody knows what the calls of the last second have cost. Those that run at a checkpoint get reservations of their own.
type lease struct {
	key leaseKey
	row *Reservation // as the database has it; it is there if tokens are reserved

	// These are guarded by the ledger's mu.
	free     int64 // of the reserved tokens, those that no call holds
	promised int64 // that settlements which are not committed yet will free
	idle     bool  // no call was admitted since the last checkpoint
	lost     bool  // how much the database has of it is not known: no further call is admitted on it
	charged  bool  // as a whole, by another replica that took this one for dead: its calls are settled
}

// leaseKey is what calls that share a lease have in common.
type leaseKey struct {
	user             uuid.UUID
	day              string
	perDay, perMonth int64 // -1: no limit
}

// leaseKind is the kind of a lease's reservation, and of the usage record of one that a dead replica has left behind.
const leaseKind Kind = "lease"

// The bounds of what a lease has free, which is what a user is charged too much when a replica dies. Where they leave too little for
// leasedCalls, as they do with small quotas, each call is reserved by itself, to the last token.
const (
	leasedCalls = 8  // as many times what the calls that are just admitted may cost
	leasedPart  = 32 // one in so many tokens of the quota
	leasedLeft  = 8  // one in so many tokens that are left
)

func keyOf(user uuid.UUID, at time.Time, q period.Limits) leaseKey {
	day, _ := period.Names(at)
	k := leaseKey{user: user, day: day, perDay: -1, perMonth: -1}
	if q.Day != nil {
		k.perDay = *q.Day
	}
	if q.Month != nil {
		k.perMonth = *q.Month
	}
	return k
}

func (r *Reservation) key() leaseKey { return keyOf(r.who.UserID, r.startedAt, r.limits) }

// most returns how many tokens a lease may have free.
func (k leaseKey) most() int64 {
	most := int64(mostTokens)
	for _, limit := range []int64{k.perDay, k.perMonth} {
		if limit >= 0 {
			most = min(most, limit/leasedPart)
		}
	}
	return most
}

// demand returns what the call's prompt costs and what the call may cost in all, if it gets what it asks for.
func (r *Reservation) demand() (prompt, all int64) {
	prompt = min(max(r.call.PromptTokens, 1), mostTokens) // not even an empty one where the quota is 0
	switch {
	case r.call.Kind == Embed:
		return prompt, prompt
	case r.call.MaxTokens == 0:
		return prompt, prompt + r.ledger.AnswerTokens
	}
	return prompt, prompt + min(r.call.MaxTokens, mostTokens)
}

// grant lets the call cost so many tokens.
func (r *Reservation) grant(tokens int64) {
	r.reserved = tokens
	if r.call.Kind != Embed {
		prompt, _ := r.demand()
		r.max = tokens - prompt
	}
}

// admitAtOnce admits a call that has no quota, or for which its lease has enough, and reports whether it did. While the database is
// unavailable it admits none: what calls cost must be written down before it becomes too much to keep in memory.
func (l *Ledger) admitAtOnce(r *Reservation) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.behind {
		return false
	}
	if !r.limits.None() {
		held := l.leases[r.key()]
		_, all := r.demand()
		if held == nil || held.free < all {
			return false
		}
		held.free -= all
		held.idle = false
		r.lease = held
		r.grant(all)
	}
	l.live[r.id] = r
	return true
}

// kept returns how much of what a call had reserved its lease keeps free, given what the call did cost. mu must be held.
func (r *Reservation) kept(cost int64) int64 {
	if r.lease == nil || r.lease.lost {
		return 0
	}
	most := r.lease.key.most()
	if _, all := r.demand(); most < leasedCalls*all {
		return 0
	}
	return max(0, min(r.reserved-cost, most-r.lease.free-r.lease.promised))
}

// freeOf returns how many tokens of a lease no call holds.
func (l *Ledger) freeOf(k leaseKey) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held := l.leases[k]; held != nil {
		return held.free
	}
	return 0
}

// leaseOf returns the lease for calls such as this one, a new one if there is none. mu must be held.
func (l *Ledger) leaseOf(r *Reservation) *lease {
	key := r.key()
	if held := l.leases[key]; held != nil {
		return held
	}
	row := &Reservation{
		ledger: l, id: uuid.Must(uuid.NewV7()), call: Call{Kind: leaseKind, Model: r.call.Model}, who: r.who, startedAt: r.startedAt,
		limits: r.limits,
	}
	held := &lease{key: key, row: row}
	l.leases[key], l.live[row.id] = held, row
	return held
}

// drop forgets the lease. mu must be held.
func (l *Ledger) drop(held *lease) {
	if l.leases[held.key] == held {
		delete(l.leases, held.key)
	}
	delete(l.live, held.row.id)
}

// lose drops a lease of which it is not known what the database has. takeBack withdraws what that is. mu must be held.
func (l *Ledger) lose(held *lease) {
	held.lost, held.free = true, 0
	l.drop(held)
	l.unsure = l.now()
}

// chargedByOthers drops a lease that the database does not have any more. mu must be held.
func (l *Ledger) chargedByOthers(held *lease) {
	held.charged = true
	l.lose(held)
}

// pool is a lease as a group of entries begins with it, and what the group does to it.
type pool struct {
	reserved      int64
	lost, charged bool
	taken         bool // free is all that the lease has

	free   int64 // tokens that no call holds: all of them if they are checked out, else those of calls that the group settles
	add    int64 // to the row
	demand int64 // of the calls that are admitted
	most   int64 // of one of them
}

// checkOut takes what is free of the leases from which the group admits, or that it gives back.
func (l *Ledger) checkOut(group []*entry) map[*lease]pool {
	l.mu.Lock()
	defer l.mu.Unlock()
	pools := map[*lease]pool{}
	for _, e := range group {
		if e.act == admission && !e.limits.None() {
			e.from = l.leaseOf(e.Reservation)
		}
		held := e.from
		if held == nil {
			continue
		}
		p, known := pools[held]
		if !known {
			p = pool{reserved: held.row.reserved, lost: held.lost, charged: held.charged}
		}
		if e.act == admission || e.act == restitution {
			p.taken = true
			p.free += held.free
			held.free = 0
		}
		pools[held] = p
	}
	return pools
}

// checkIn makes the leases and calls what they are after the commit of the group, given its error.
func (l *Ledger) checkIn(group []*entry, pools map[*lease]pool, w *rows, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		for held, p := range pools {
			switch {
			case !p.taken:
			case isAway(err): // it may have been committed
				l.lose(held)
			case held.row.reserved == 0:
				l.drop(held)
			default:
				held.free += p.free
			}
		}
		return
	}
	for _, e := range group {
		switch {
		case e.refused != nil:
		case e.act == admission:
			e.lease = e.from
			l.live[e.id] = e.Reservation
		case e.act == record:
			e.hasRow()
		}
	}
	for held, p := range w.pools {
		held.row.reserved += p.add
		switch {
		case held.row.reserved == 0:
			l.drop(held)
		case !held.lost:
			held.free += p.free
			held.idle = held.idle && p.demand == 0
		}
	}
}

// settledBefore makes the lease what it is after a settlement that was committed without anybody knowing, unless the lease was charged.
func (l *Ledger) settledBefore(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.from.charged {
		return
	}
	e.from.row.reserved -= e.freed()
	if !e.from.lost {
		e.from.free += e.kept
	}
	l.unsure = l.now() // the row may be left with no tokens
}

// giveBack gives back what is free of the leases on which no call was admitted since the last time, or of all.
func (l *Ledger) giveBack(all bool) error {
	var entries []*entry
	l.mu.Lock()
	for _, held := range l.leases {
		if all || held.idle {
			e := newEntry(restitution, held.row)
			e.from = held
			entries = append(entries, e)
		}
		held.idle = true
	}
	l.mu.Unlock()
	return l.putAll(entries)
}
