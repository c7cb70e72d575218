package usage

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store"
)

// checkpoint writes the rows of calls that run for longer, and how much each call has produced since the last time; and it gives back
// what calls do not need.
func (l *Ledger) checkpoint(ctx context.Context) error {
	young := l.now().Add(-checkpointEvery)
	var unwritten []*Reservation
	produced := map[*Reservation]int64{}
	l.mu.Lock()
	for _, r := range l.live {
		switch n := r.produced.Load(); {
		case r.row && n != r.recorded:
			produced[r] = n
		case r.writing != nil, !r.row && r.call.Kind != leaseKind && r.startedAt.Before(young) && !r.settled.Load():
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
	return errors.Join(l.writeProduced(ctx, produced), l.writeRows(unwritten), l.giveBack(false))
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
func (l *Ledger) writeRows(calls []*Reservation) error {
	entries := make([]*entry, 0, len(calls))
	l.mu.Lock()
	for _, r := range calls {
		if !r.row {
			e := newEntry(record, r)
			e.from = r.lease
			entries = append(entries, e)
		}
	}
	l.mu.Unlock()
	err := l.putAll(entries)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		if !e.row && store.Taken(e.failed, "reservations.id") { // by a try before, whose answer was lost
			if e.from != nil {
				e.from.row.reserved -= e.reserved
			}
			e.hasRow()
		}
		if e.writing != nil && (e.row || !isAway(e.failed)) {
			close(e.writing)
			e.writing = nil
		}
	}
	return err
}

// hasRow notes that the call has a row of its own, with the tokens that it had of a lease. The ledger's mu must be held.
func (r *Reservation) hasRow() { r.row, r.lease = true, nil }
