package usage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store"
)

const (
	// checkpointEvery is how often it is noted what running calls have produced: as much as the usage of a call can be
	// wrong by when its replica dies.
	checkpointEvery = time.Second
	// sweepEvery is how often each replica looks for reservations of dead ones. With staleAfter it makes sure that they
	// are settled within a minute.
	sweepEvery = 5 * time.Second
	// staleAfter is how old the heartbeat of a replica with running calls may be before others consider it dead, and
	// beat is how often it is written.
	staleAfter = 20 * time.Second
	beat       = 5 * time.Second
	// unsureFor is how long a commit whose answer was lost may still happen: longer than any statement may take.
	unsureFor = 10 * time.Second
)

// Run notes what running calls produce and settles the reservations of replicas that have died, until ctx ends.
func (l *Ledger) Run(ctx context.Context) {
	checkpoint, sweep := time.NewTicker(checkpointEvery), time.NewTicker(sweepEvery)
	defer checkpoint.Stop()
	defer sweep.Stop()
	if err := l.Sweep(ctx); err != nil {
		slog.WarnContext(ctx, "reservations not swept", "error", err)
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-checkpoint.C:
			err = l.checkpoint(ctx)
		case <-sweep.C:
			err = l.Sweep(ctx)
		}
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "usage ledger behind", "error", err)
		}
	}
}

// write runs a transaction that also writes the heartbeat of this replica when that is due: before or together with its first
// reservation, and to find out whether the database is available again.
func (l *Ledger) write(ctx context.Context, reason string, f func(ctx context.Context, tx *db.Tx) error) error {
	began := time.Now().Round(0) // by the wall: another clock stands still while a machine is suspended
	l.mu.Lock()
	since := began.Sub(l.seen)
	due := since > beat || since < 0 || l.behind
	l.mu.Unlock()
	err := l.log.Unaudited(store.SumsOnly(ctx), reason, func(ctx context.Context, tx *db.Tx) error {
		if due {
			err := store.Send(ctx, tx, `INSERT INTO replicas (id, seen_at) VALUES ($1, CURRENT_TIMESTAMP) `+
				`ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`, l.replica)
			if err != nil {
				return err
			}
		}
		return f(ctx, tx)
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.behind = isAway(err); due && err == nil {
		l.seen = began
	}
	return err
}

// Sweep settles the reservations of replicas that have died, at what their last checkpoint says. Several replicas may do
// so at the same time.
//
// Of the embedded database's users only the one that asks can be alive. PostgreSQL compares by its own clock, since those of
// the replicas may differ. While it was unavailable no replica could write its heartbeat: the first sweep after that settles
// nothing.
func (l *Ledger) Sweep(ctx context.Context) error {
	isDead := fmt.Sprintf("seen_at < CURRENT_TIMESTAMP - interval '%d seconds'", staleAfter/time.Second)
	if l.store.Embedded() {
		isDead = "TRUE"
	}
	blind := l.blind
	l.blind = !l.store.Embedded()
	err := l.log.Unaudited(ctx, "dead replicas", func(ctx context.Context, tx *db.Tx) error {
		return store.Send(ctx, tx, `DELETE FROM replicas WHERE `+isDead+` AND id <> $1 AND id NOT IN (SELECT replica_id FROM reservations)`,
			l.replica)
	})
	if err != nil {
		return err
	}
	if err := l.takeBack(ctx, l.now()); err != nil {
		return err
	}
	if !blind {
		stranded, err := l.reservations(ctx, `LEFT JOIN replicas p ON p.id = r.replica_id `+
			`WHERE r.replica_id <> $1 AND (p.id IS NULL OR `+isDead+`)`, l.replica)
		if err != nil {
			return err
		}
		if err := l.settleOthers(stranded); err != nil {
			return err
		}
	}
	l.blind = false
	return nil
}

// takeBack withdraws this replica's reservations that belong to no call: what was committed, but refused, because the
// answer to the commit was lost.
func (l *Ledger) takeBack(ctx context.Context, now time.Time) error {
	l.mu.Lock()
	unsure := l.unsure
	l.mu.Unlock()
	if unsure.IsZero() {
		return nil
	}
	own, err := l.reservations(ctx, `WHERE r.replica_id = $1 AND r.started_at < $2`, l.replica, now.Add(-unsureFor))
	if err != nil {
		return err
	}
	l.mu.Lock()
	held := map[uuid.UUID]bool{} // by running calls: leases that are lost
	for id, r := range l.live {
		held[id] = true
		if r.lease != nil {
			held[r.lease.row.id] = true
		}
	}
	l.mu.Unlock()
	var entries []*entry
	for _, r := range own {
		if !held[r.id] {
			entries = append(entries, newEntry(withdrawal, r))
		}
	}
	if err := l.putAll(entries); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.unsure.Equal(unsure) && now.Sub(unsure) > unsureFor && len(entries) == len(own) {
		l.unsure = time.Time{}
	}
	return nil
}

// reservations reads those that the rest of a query is about.
func (l *Ledger) reservations(ctx context.Context, rest string, args ...any) ([]*Reservation, error) {
	var all []*Reservation
	query := `SELECT r.id, r.user_id, r.credential_id, r.session_id, r.kind, r.model, r.prompt_tokens, r.reserved, r.produced, ` +
		`r.started_at FROM reservations r ` + rest
	err := l.store.Read(store.Slow(ctx), query, args, func(row store.Row) error {
		r := &Reservation{ledger: l, row: true}
		var credential, session uuid.NullUUID
		err := row.Scan(&r.id, &r.who.UserID, &credential, &session, &r.call.Kind, &r.call.Model, &r.call.PromptTokens, &r.reserved,
			&r.recorded, &r.startedAt)
		r.who.CredentialID, r.who.SessionID = credential.UUID, session.UUID
		all = append(all, r)
		return err
	})
	return all, err
}

// settleOthers settles calls and leases that a dead replica has left behind. A lease without tokens is no call, and a reservation
// beside its record is left over.
func (l *Ledger) settleOthers(stranded []*Reservation) error {
	entries := make([]*entry, len(stranded))
	for i, r := range stranded {
		act := settlement
		if r.call.Kind == leaseKind && r.reserved == 0 {
			act = withdrawal
		}
		entries[i] = newEntry(act, r)
		entries[i].others = true
		entries[i].cost = Cost{
			PromptTokens: r.call.PromptTokens, CompletionTokens: r.recorded, Outcome: Aborted, Total: max(0, l.now().Sub(r.startedAt)),
		}
	}
	// Whose rows are locked is being swept by another replica, or has calls: the next sweep looks again.
	if err := l.putAll(entries); err != nil && !store.IsLocked(err) {
		return err
	}
	var over []*entry
	for _, e := range entries {
		if errors.Is(e.failed, errSettled) {
			over = append(over, newEntry(withdrawal, e.Reservation))
		}
	}
	return l.putAll(over)
}

// putAll commits entries, in groups, waits for it, and notes the error of each. That another replica has settled one meanwhile is no
// error.
func (l *Ledger) putAll(entries []*entry) error {
	for _, e := range entries {
		go l.put(e) // one after the other, each would be a group
	}
	var failed error
	for _, e := range entries {
		switch e.failed = <-e.done; {
		case e.failed == nil:
			if e.act == settlement && e.call.Kind != leaseKind && l.Settled != nil {
				l.Settled(e.call, e.cost)
			}
		case !errors.Is(e.failed, errSettled) && !errors.Is(e.failed, errGone):
			failed = e.failed
		}
	}
	return failed
}

// leave removes this replica; what it could not settle another may from now on.
func (l *Ledger) leave(ctx context.Context) error {
	return l.log.Unaudited(ctx, "leaving replica", func(ctx context.Context, tx *db.Tx) error {
		return store.Send(ctx, tx, `DELETE FROM replicas WHERE id = $1`, l.replica)
	})
}
