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
	admission  act = iota
	settlement     // at the entry's cost
	withdrawal     // if it is there
)

// entry is a change of the ledger that waits to be committed.
type entry struct {
	act
	*Reservation
	cost    Cost
	refused error // of an admission
	done    chan error
}

func newEntry(a act, r *Reservation) *entry {
	return &entry{act: a, Reservation: r, done: make(chan error, 1)}
}

// groupSize bounds how many entries share a commit.
const groupSize = 64

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
	return l.write(context.Background(), "usage", func(ctx context.Context, tx *db.Tx) error {
		w := &rows{ctx: ctx, tx: tx, sums: newSums(ctx, tx, l.store.Embedded())}
		if err := w.sums.lock(group); err != nil {
			return err
		}
		for _, e := range group {
			if err := w.add(e); err != nil {
				return err
			}
		}
		return w.write()
	})
}

// settled is a usage record.
type settled struct {
	*Reservation
	day    string
	values []any
}

// rows are what a group writes.
type rows struct {
	ctx      context.Context //nolint:containedctx // of the one transaction
	tx       *db.Tx
	sums     *sums
	admitted [][]any // reservations
	settled  []settled
	over     [][]any // ids of reservations
}

func (w *rows) add(e *entry) error {
	switch e.act {
	case settlement:
		w.settle(e.Reservation, e.cost)
	case withdrawal:
		n, err := store.Exec(w.ctx, w.tx, `DELETE FROM reservations WHERE id = $1`, e.id)
		if n > 0 {
			w.sums.release(e.Reservation)
		}
		return err
	case admission:
		if e.refused = w.sums.admit(e.Reservation); e.refused == nil { // a refusal does not fail the others
			w.reserve(e.Reservation)
		}
	}
	return nil
}

func (w *rows) reserve(r *Reservation) {
	w.admitted = append(w.admitted, []any{
		r.id, r.ledger.replica, r.who.UserID, optional(r.who.CredentialID), optional(r.who.SessionID), string(r.call.Kind), r.call.Model,
		r.call.PromptTokens, r.reserved, int64(0), r.startedAt,
	})
}

// settle writes the usage record, whose id makes sure that it is the only one, in the place of the reservation.
func (w *rows) settle(r *Reservation, cost Cost) {
	day, _ := periods(r.startedAt)
	w.settled = append(w.settled, settled{r, day, []any{
		r.id, r.who.UserID, optional(r.who.CredentialID), optional(r.who.SessionID), string(r.call.Kind), r.call.Model, cost.PromptTokens,
		cost.CompletionTokens, cost.Total.Milliseconds(), string(cost.Outcome), !cost.Exact, day, r.startedAt,
	}})
	w.over = append(w.over, []any{r.id})
	w.sums.charge(r, cost.tokens())
}

func (w *rows) write() error {
	err := store.SendRows(w.ctx, w.tx, `INSERT INTO reservations (id, replica_id, user_id, credential_id, session_id, kind, model, `+
		`prompt_tokens, reserved, produced, started_at) VALUES `, w.admitted, "")
	if err != nil {
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
	err = store.SendRows(w.ctx, w.tx, `INSERT INTO usage_records (id, user_id, credential_id, session_id, kind, model, prompt_tokens, `+
		`completion_tokens, duration_ms, outcome, estimated, day, started_at) VALUES `, records, "")
	if err != nil {
		return err
	}
	if err := store.SendRows(w.ctx, w.tx, `DELETE FROM reservations WHERE id IN (`, w.over, ")"); err != nil {
		return err
	}
	return w.sums.write()
}

func optional(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }
