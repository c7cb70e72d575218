package usage

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

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
	refused error  // of an admission
	failed  error  // see putAll
	done    chan error
}

func newEntry(a act, r *Reservation) *entry {
	return &entry{act: a, Reservation: r, done: make(chan error, 1)}
}

// groupSize bounds how many entries share a commit.
const groupSize = 64

// freed is how many reserved tokens a settlement gives back.
func (e *entry) freed() int64 { return e.reserved - e.kept }

// errSettled is the error of a settlement that is not the call's first.
var errSettled = errors.New("settled already")

// put hands the entry to the goroutine that commits, or commits it. On SQLite a group is one job of the batch in store, which
// is no doubling: without groups of their own, of which each period is locked and written once, calls take three times the CPU.
func (l *Ledger) put(e *entry) {
	if err := l.entries.Put(e); err != nil {
		e.done <- err
	}
}

// settleWithin is how long a settlement waits for an admission to share its commit with. Nobody waits for it, and what a crash takes
// is settled by the reservation.
const settleWithin = 5 * time.Millisecond

// putLater is put for a settlement: it goes along with the next admission, if one comes in time.
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

// takeLater returns up to n settlements that wait for an admission.
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
	err := l.commit(group)
	switch {
	case err == nil || len(group) == 1 && !isAway(err):
		answer(group, err)
	case isAway(err): // fail the rest at once
		answer(group, err)
		answer(l.entries.Rest(), err)
	case store.IsLocked(err): // a replica that hangs has a user's row: the others need not wait for it
		users := byUser(group)
		for _, own := range users {
			if len(users) > 1 {
				err = l.commit(own)
			}
			answer(own, err)
		}
	default: // one of them fails the transaction for all
		for _, e := range group {
			if !isAway(err) {
				err = l.commit([]*entry{e})
			}
			answer([]*entry{e}, err)
		}
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
// that no two transactions wait for each other.
func (l *Ledger) commit(group []*entry) error {
	slices.SortFunc(group, func(a, b *entry) int { return bytes.Compare(a.id[:], b.id[:]) })
	taken := l.checkOut(group)
	var w *rows
	err := l.write(context.Background(), "usage", func(ctx context.Context, tx *db.Tx) error {
		w = newRows(ctx, tx, l.store, taken)
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
	l.checkIn(group, taken, w, err)
	if len(group) == 1 && group[0].from != nil && store.IsNotMet(err) { // see writeLeases
		l.mu.Lock()
		l.lose(group[0].from)
		l.mu.Unlock()
		if group[0].act == admission {
			return l.commit(group)
		}
	}
	return err
}

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
	sums    *sums
	pools   map[*lease]*pool
	made    [][]any // reservations
	settled []settled
	over    [][]any // ids of reservations
}

func newRows(ctx context.Context, tx *db.Tx, s *store.Store, taken map[*lease]int64) *rows {
	w := &rows{ctx: ctx, tx: tx, store: s, sums: newSums(ctx, tx, s.Embedded()), pools: make(map[*lease]*pool, len(taken))}
	for held, free := range taken {
		w.pools[held] = &pool{free: free}
	}
	return w
}

func (w *rows) pool(held *lease) *pool {
	p := w.pools[held]
	if p == nil {
		p = &pool{}
		w.pools[held] = p
	}
	return p
}

func (w *rows) add(e *entry) error {
	switch e.act {
	case settlement:
		return w.settle(e)
	case withdrawal:
		n, err := store.Exec(w.ctx, w.tx, `DELETE FROM reservations WHERE id = $1 AND reserved = $2`, e.id, e.reserved)
		if n > 0 {
			w.sums.hold(e.Reservation, -e.reserved)
		}
		return err
	case record:
		w.made = append(w.made, reservationRow(e.Reservation, e.produced.Load()))
		if e.from != nil {
			w.pool(e.from).add -= e.reserved
		}
	case restitution:
		p := w.pool(e.from)
		w.sums.hold(e.Reservation, -p.free)
		p.add -= p.free
		p.free = 0
	case admission: // a refusal does not fail the others
		e.refused = nil
		if e.from != nil {
			e.refused = w.sums.admit(e.Reservation, w.pool(e.from))
		}
	}
	return nil
}

// reserveAhead adds to what is free of the leases of the calls that are admitted.
func (w *rows) reserveAhead() {
	for held, p := range w.pools {
		most := min(held.key.most(), w.sums.left(held.row)/leasedLeft)
		if p.demand == 0 || most < leasedCalls*p.most {
			continue
		}
		tokens := max(0, min(most, leasedCalls*p.demand)-p.free)
		w.sums.hold(held.row, tokens)
		p.free += tokens
		p.add += tokens
	}
}

func reservationRow(r *Reservation, produced int64) []any {
	return []any{
		r.id, r.ledger.replica, r.who.UserID, optional(r.who.CredentialID), optional(r.who.SessionID), string(r.call.Kind), r.call.Model,
		r.call.PromptTokens, r.reserved, produced, r.startedAt,
	}
}

// settle writes the usage record, whose id makes sure that it is the only one, in the place of the reservation.
func (w *rows) settle(e *entry) error {
	r := e.Reservation
	switch {
	case e.from != nil:
		p := w.pool(e.from)
		p.add -= e.freed()
		p.free += e.kept
	case r.call.Kind == leaseKind: // it is charged as it was read, or not now
		n, err := store.Exec(w.ctx, w.tx, `DELETE FROM reservations WHERE id = $1 AND reserved = $2`, r.id, r.reserved)
		if err == nil && n == 0 {
			err = errSettled
		}
		if err != nil {
			return err
		}
	case r.row:
		w.over = append(w.over, []any{r.id})
	}
	day, _ := periods(r.startedAt)
	w.settled = append(w.settled, settled{r, day, []any{
		r.id, r.who.UserID, optional(r.who.CredentialID), optional(r.who.SessionID), string(r.call.Kind), r.call.Model, e.cost.PromptTokens,
		e.cost.CompletionTokens, e.cost.Total.Milliseconds(), string(e.cost.Outcome), !e.cost.Exact, day, r.startedAt,
	}})
	w.sums.charge(e)
	return nil
}

// write writes the periods first, in the order in which lock locks them.
func (w *rows) write() error {
	if err := w.sums.write(); err != nil {
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
		if held.row.reserved > 0 && !held.lost {
			ids = append(ids, held.row.id)
		}
		switch {
		case p.add == 0:
		case held.row.reserved+p.add == 0 && !held.lost:
			w.over = append(w.over, []any{held.row.id})
		default:
			row := reservationRow(held.row, p.add)
			row[reservedColumn] = p.add
			changed = append(changed, row)
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
	return store.SendRows(w.ctx, w.tx, insertReservations, changed, ` ON CONFLICT (id) DO UPDATE SET `+
		`reserved = reservations.reserved + excluded.reserved, produced = reservations.produced + excluded.produced`)
}

// reservedColumn is the index of a reservation's tokens in reservationRow.
const reservedColumn = 8

func optional(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }
