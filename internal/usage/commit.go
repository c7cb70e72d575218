package usage

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store"
)

// act is what an entry does to a reservation.
type act int

const (
	admission   act = iota
	settlement      // at the entry's cost
	withdrawal      // if it is there
	record          // in the database, for a call that was admitted without
	restitution     // of what is free of a lease
)

// entry is a change of the ledger that waits to be committed.
type entry struct {
	act
	*Reservation
	cost    Cost
	from    *lease // that holds the reserved tokens; nil: the reservation itself, or there are none
	kept    int64  // of the reserved tokens, by the lease after a settlement
	others  bool   // the reservation is a dead replica's
	refused error  // of an admission, or of what is not needed any more
	failed  error  // see putAll
	done    chan error
}

func newEntry(a act, r *Reservation) *entry {
	return &entry{act: a, Reservation: r, done: make(chan error, 1)}
}

// groupSize bounds how many entries share a commit, and how many settlements go along with it.
const groupSize = 64

// A group waits for lockWait for a row that another replica has locked, and then each user's part of it for lockWaitAgain. A call may wait
// for two groups, that before its own and its own, and the parts of a few users.
const lockWait, lockWaitAgain = 400 * time.Millisecond, 50 * time.Millisecond

// freed is how many reserved tokens a settlement gives back.
func (e *entry) freed() int64 { return e.reserved - e.kept }

// errSettled is the error of a settlement that is not the call's first, and errGone that of a reservation of others that is not there
// any more as it was read.
var (
	errSettled = errors.New("settled already")
	errGone    = errors.New("the reservation has changed")
)

// put hands the entry to the goroutine that commits, or commits it. On SQLite a group is one job of the batch in store, which
// is no doubling: without groups of their own, of which each period is locked and written once, calls take three times the CPU.
func (l *Ledger) put(e *entry) {
	if err := l.entries.Put(e); err != nil {
		e.done <- err
	}
}

// settleWithin is how long a settlement waits for others, or an admission, to share its commit with. Nobody waits for it, and what a
// crash takes is charged with what was reserved.
const settleWithin = 5 * time.Millisecond

// putLater is put for a settlement: it goes along with others, and with the next admission if one comes in time.
func (l *Ledger) putLater(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.later = append(l.later, e); len(l.later) == 1 {
		time.AfterFunc(settleWithin, func() {
			for e := l.takeLater(1); len(e) > 0; e = l.takeLater(1) { // with which others go along
				l.put(e[0])
			}
		})
	}
}

// takeLater returns up to n settlements that wait.
func (l *Ledger) takeLater(n int) []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, len(l.later))
	taken := slices.Clone(l.later[:n])
	l.later = slices.Delete(l.later, 0, n)
	return taken
}

func (l *Ledger) commitGroup(first *entry, next func() (*entry, bool)) {
	group := []*entry{first}
	for e, ok := next(); ok; e, ok = next() {
		group = append(group, e)
	}
	group = append(group, l.takeLater(groupSize)...)
	err := l.commit(group, lockWait)
	switch {
	case err == nil || len(group) == 1 && !isAway(err) && !store.IsLocked(err):
		answer(group, err)
	case isAway(err): // fail the rest at once
		answer(group, err)
		answer(l.entries.Rest(), err)
	case store.IsLocked(err): // a replica that hangs has a user's row: the others need not wait for it
		for _, own := range byUser(group) {
			err := l.commit(own, lockWaitAgain) // also of the only one: it may have been a deadlock
			if err == nil || len(own) == 1 || errors.Is(err, store.ErrAway) {
				answer(own, err)
			} else {
				l.commitEach(own)
			}
		}
	default: // one of them fails the transaction for all
		l.commitEach(group)
	}
}

// commitEach commits entries one by one, and fails the rest at once when the database is unavailable.
func (l *Ledger) commitEach(group []*entry) {
	var err error
	for _, e := range group {
		if !isAway(err) {
			err = l.commit([]*entry{e}, lockWaitAgain)
		}
		answer([]*entry{e}, err)
	}
}

// isAway reports whether the database as a whole is unavailable.
func isAway(err error) bool { return errors.Is(err, store.ErrAway) && !store.IsLocked(err) }

func byUser(group []*entry) [][]*entry {
	var users [][]*entry
	for _, e := range group {
		i := slices.IndexFunc(users, func(own []*entry) bool { return own[0].who.UserID == e.who.UserID })
		if i < 0 {
			i, users = len(users), append(users, nil)
		}
		users[i] = append(users[i], e)
	}
	return users
}

// answer sends each entry its result, given the error of the commit.
func answer(group []*entry, err error) {
	for _, e := range group {
		switch {
		case err == nil:
			e.done <- e.refused
		case e.act == settlement && store.Taken(err, "usage_records.id"):
			e.done <- errSettled
		default:
			e.done <- err
		}
	}
}

// commit writes a group as one transaction, which may run more than once. It goes by the calls' ids, as checkpoints do, so
// that few transactions wait for each other. For a row that another replica has locked it waits for so long.
func (l *Ledger) commit(group []*entry, wait time.Duration) error {
	slices.SortFunc(group, func(a, b *entry) int { return bytes.Compare(a.id[:], b.id[:]) })
	pools := l.checkOut(group)
	var w *rows
	err := l.write(context.Background(), "usage", func(ctx context.Context, tx *db.Tx) error {
		w = newRows(ctx, tx, l.store, pools)
		if err := l.store.LimitLockWaits(ctx, tx, wait); err != nil {
			return err
		}
		if err := w.sums.lock(group); err != nil {
			return err
		}
		for _, e := range group {
			if err := w.add(e); err != nil {
				return err
			}
		}
		w.reserveAhead()
		return w.write()
	})
	l.commits.Add(1)
	l.checkIn(group, pools, w, err)
	if e := group[0]; len(group) == 1 && e.from != nil && e.act != record && store.IsNotMet(err) {
		l.mu.Lock()
		l.chargedByOthers(e.from)
		l.mu.Unlock()
		return l.commit(group, wait)
	}
	return err
}
