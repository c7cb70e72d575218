package usage

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store"
)

// checkpoint writes the rows of running calls that have none, and how much each call has produced since the last time; and it gives back
// what calls do not need.
func (l *Ledger) checkpoint(ctx context.Context) error {
	var unwritten []*Reservation
	produced := map[*Reservation]int64{}
	l.mu.Lock()
	for _, r := range l.live {
		switch n := r.produced.Load(); {
		case r.row && n != r.recorded:
			produced[r] = n
		case r.lease != nil && r.lease.charged: // it is settled
		case r.writing != nil, !r.row && r.call.Kind != leaseKind && !r.settled.Load():
			if unwritten = append(unwritten, r); r.writing == nil {
				r.writing = make(chan struct{}) // from here on a settlement waits
			}
		}
	}
	idle := len(l.live) == 0
	l.mu.Unlock()
	if idle {
		return nil
	}
	return errors.Join(l.writeProduced(ctx, produced), l.writeRows(ctx, unwritten), l.giveBack(false))
}

func (l *Ledger) writeProduced(ctx context.Context, produced map[*Reservation]int64) error {
	behind := make([]*Reservation, 0, len(produced))
	for r := range produced {
		behind = append(behind, r)
	}
	slices.SortFunc(behind, func(a, b *Reservation) int { return bytes.Compare(a.id[:], b.id[:]) }) // see commit
	err := l.write(ctx, "usage checkpoint", func(ctx context.Context, tx *db.Tx) error {
		for _, r := range behind {
			if err := store.Send(ctx, tx, `UPDATE reservations SET produced = $1 WHERE id = $2`, produced[r], r.id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for r, n := range produced {
		r.recorded = n
	}
	return nil
}

// writeRows gives calls rows of their own. While it is not known whether a call has one, its writing stays open.
func (l *Ledger) writeRows(ctx context.Context, calls []*Reservation) error {
	entries := make([]*entry, 0, len(calls))
	l.mu.Lock()
	for _, r := range calls {
		if !r.row && !r.tried {
			r.tried = true
			e := newEntry(record, r)
			e.from = r.lease
			entries = append(entries, e)
		}
	}
	l.mu.Unlock()
	_ = l.putAll(entries) // which notes the errors
	var failed error
	for _, e := range entries {
		there := store.Taken(e.failed, "reservations.id") // by a try before, whose answer was lost
		if store.IsNotMet(e.failed) {
			// The lease is not there any more: a try before has taken the last of it, or it was charged.
			found, readErr := l.reservations(ctx, `WHERE r.id = $1`, e.id)
			there = len(found) > 0
			if readErr != nil {
				e.failed = readErr
			}
		}
		l.wrote(e, there)
		if !there && !store.IsNotMet(e.failed) && !errors.Is(e.failed, errSettled) {
			failed = cmp.Or(failed, e.failed)
		}
	}
	return failed
}

// wrote notes what became of a try to give a call its row; there says that the row is there although the try has failed.
func (l *Ledger) wrote(e *entry, there bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.tried = false
	e.doubt = e.doubt || isAway(e.failed)
	switch {
	case !e.row && there:
		if e.from != nil {
			e.from.row.reserved -= e.reserved
		}
		e.hasRow()
	case store.IsNotMet(e.failed) && e.from != nil:
		l.chargedByOthers(e.from)
		e.doubt = false
	}
	if e.writing != nil && (e.row || !e.doubt) {
		close(e.writing)
		e.writing = nil
	}
}

// hasRow notes that the call has a row of its own, with the tokens that it had of a lease. The ledger's mu must be held.
func (r *Reservation) hasRow() { r.row, r.lease = true, nil }
