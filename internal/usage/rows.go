package usage

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/usage/period"
)

// settled is a usage record.
type settled struct {
	*Reservation
	day    string
	values []any
}

// rows are what a group writes.
type rows struct {
	ctx     context.Context //nolint:containedctx // of the one transaction
	tx      *db.Tx
	store   *store.Store
	sums    sums
	pools   map[*lease]*pool
	made    [][]any // reservations
	settled []settled
	over    [][]any // ids of reservations
}

func newRows(ctx context.Context, tx *db.Tx, s *store.Store, pools map[*lease]pool) *rows {
	w := &rows{ctx: ctx, tx: tx, store: s, sums: sums{period.NewSums(ctx, tx, s.Embedded())}, pools: make(map[*lease]*pool, len(pools))}
	for held, p := range pools {
		w.pools[held] = &p
	}
	return w
}

func (w *rows) add(e *entry) error {
	e.refused = nil // a refusal does not fail the others
	if e.from != nil && w.pools[e.from].charged {
		if e.act == settlement || e.act == record {
			e.refused = errSettled
		}
		return nil
	}
	switch e.act {
	case settlement:
		return w.settle(e)
	case withdrawal:
		err := w.remove(e.Reservation)
		if err == nil {
			w.sums.hold(e.Reservation, -e.reserved)
		}
		if errors.Is(err, errGone) {
			err = nil
		}
		return err
	case record:
		w.made = append(w.made, reservationRow(e.Reservation, e.reserved, e.produced.Load()))
		if e.from != nil {
			w.pools[e.from].add -= e.reserved
		}
	case restitution:
		p := w.pools[e.from]
		w.sums.hold(e.Reservation, -p.free)
		p.add -= p.free
		p.free = 0
	case admission:
		if e.from != nil {
			e.refused = w.sums.admit(e.Reservation, w.pools[e.from])
		}
	}
	return nil
}

// remove deletes a reservation, which must be there as it was read: else the error is errGone.
func (w *rows) remove(r *Reservation) error {
	n, err := store.Exec(w.ctx, w.tx, `DELETE FROM reservations WHERE id = $1 AND reserved = $2`, r.id, r.reserved)
	if err == nil && n == 0 {
		err = errGone
	}
	return err
}

// reserveAhead adds to what is free of the leases of the calls that are admitted.
func (w *rows) reserveAhead() {
	for held, p := range w.pools {
		if p.demand == 0 {
			continue
		}
		most := min(held.key.most(), w.sums.left(held.row)/leasedLeft)
		if most < leasedCalls*p.most {
			continue
		}
		tokens := max(0, min(most, leasedCalls*p.demand)-p.free)
		w.sums.hold(held.row, tokens)
		p.free += tokens
		p.add += tokens
	}
}

func reservationRow(r *Reservation, reserved, produced int64) []any {
	return []any{
		r.id, r.ledger.replica, r.who.UserID, optional(r.who.CredentialID), optional(r.who.SessionID), string(r.call.Kind), r.call.Model,
		r.call.PromptTokens, reserved, produced, r.startedAt,
	}
}

// settle writes the usage record, whose id makes sure that it is the only one, in the place of the reservation.
func (w *rows) settle(e *entry) error {
	r := e.Reservation
	switch {
	case e.from != nil:
		p := w.pools[e.from]
		p.add -= e.freed()
		p.free += e.kept
	case e.others: // it is charged as it was read, or not now
		if err := w.remove(r); err != nil {
			return err
		}
	case r.row:
		w.over = append(w.over, []any{r.id})
	}
	day, _ := period.Names(r.startedAt)
	w.settled = append(w.settled, settled{r, day, []any{
		r.id, r.who.UserID, optional(r.who.CredentialID), optional(r.who.SessionID), string(r.call.Kind), r.call.Model, e.cost.PromptTokens,
		e.cost.CompletionTokens, e.cost.Total.Milliseconds(), string(e.cost.Outcome), !e.cost.Exact, day, r.startedAt,
	}})
	w.sums.charge(e)
	return nil
}

// write writes the periods first, in the order in which period.Sums locks them. (What is removed before that comes after the lock.)
func (w *rows) write() error {
	if err := w.sums.Write(); err != nil {
		return err
	}
	if err := w.writeLeases(); err != nil {
		return err
	}
	if err := store.SendRows(w.ctx, w.tx, insertReservations, w.made, ""); err != nil {
		return err
	}
	// In the order of the sums to which the database adds them.
	slices.SortStableFunc(w.settled, func(a, b settled) int {
		user, other := a.who.UserID, b.who.UserID
		key, otherKey := a.who.CredentialID, b.who.CredentialID
		return cmp.Or(bytes.Compare(user[:], other[:]), strings.Compare(a.day, b.day), bytes.Compare(key[:], otherKey[:]),
			strings.Compare(a.call.Model, b.call.Model))
	})
	records := make([][]any, len(w.settled))
	for i, s := range w.settled {
		records[i] = s.values
	}
	err := store.SendRows(w.ctx, w.tx, `INSERT INTO usage_records (id, user_id, credential_id, session_id, kind, model, prompt_tokens, `+
		`completion_tokens, duration_ms, outcome, estimated, day, started_at) VALUES `, records, "")
	if err != nil {
		return err
	}
	return store.SendRows(w.ctx, w.tx, `DELETE FROM reservations WHERE id IN (`, w.over, ")")
}

const insertReservations = `INSERT INTO reservations (id, replica_id, user_id, credential_id, session_id, kind, model, prompt_tokens, ` +
	`reserved, produced, started_at) VALUES `

// writeLeases writes what the leases have changed by. It fails with an error of which store.IsNotMet reports true when one is not
// there any more: another replica has taken this one for dead, and charged it.
func (w *rows) writeLeases() error {
	var ids []uuid.UUID
	var changed [][]any
	for held, p := range w.pools {
		if p.reserved > 0 && !p.lost {
			ids = append(ids, held.row.id)
		}
		switch {
		case p.add == 0:
		case p.reserved+p.add == 0 && !p.lost:
			w.over = append(w.over, []any{held.row.id})
		default:
			changed = append(changed, reservationRow(held.row, p.add, p.add))
		}
	}
	if len(ids) > 0 {
		among, args := store.Among(w.store, "id", 2, ids)
		if !w.store.Embedded() {
			among += " ORDER BY id FOR UPDATE"
		}
		err := w.store.Require(w.ctx, w.tx, `(SELECT CASE WHEN count(*) = $1 THEN 1 ELSE 0 END FROM `+
			`(SELECT id FROM reservations WHERE `+among+`) AS held)`, append([]any{len(ids)}, args...)...)
		if err != nil {
			return err
		}
	}
	err := store.SendRows(w.ctx, w.tx, insertReservations, changed, ` ON CONFLICT (id) DO UPDATE SET `+
		`reserved = reservations.reserved + excluded.reserved, produced = reservations.produced + excluded.produced`)
	if err != nil {
		return err
	}
	for held, p := range w.pools {
		if p.lost && !p.charged {
			if err := store.Send(w.ctx, w.tx, `DELETE FROM reservations WHERE id = $1 AND reserved = 0`, held.row.id); err != nil {
				return err
			}
		}
	}
	return nil
}

func optional(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }
