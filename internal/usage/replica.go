package usage

import (
	"context"
	"database/sql"
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
	// sweepEvery is how often each replica looks for reservations of the dead. With staleAfter it makes sure that they
	// are settled within a minute.
	sweepEvery = 10 * time.Second
	// staleAfter is how long a replica with running calls may keep silent before others take it for dead, and beat how
	// often it speaks.
	staleAfter = 30 * time.Second
	beat       = 5 * time.Second
	// sweepBatch bounds what one sweep settles.
	sweepBatch = 500
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

// checkpoint writes how much each call has produced since the last time.
func (l *Ledger) checkpoint(ctx context.Context) error {
	l.mu.Lock()
	var behind []*Reservation
	for _, r := range l.live {
		if r.produced.Load() != r.recorded {
			behind = append(behind, r)
		}
	}
	idle := len(l.live) == 0
	l.mu.Unlock()
	if idle {
		return nil
	}
	return l.write(ctx, "usage checkpoint", func(ctx context.Context, tx *db.Tx) error {
		for _, r := range behind {
			produced := r.produced.Load()
			if err := store.Send(ctx, tx, `UPDATE reservations SET produced = $1 WHERE id = $2`, produced, r.id); err != nil {
				return err
			}
			r.recorded = produced
		}
		return nil
	})
}

// write runs a transaction that also says, when it is time to, that this replica lives: before or together with the first
// reservation in its name.
func (l *Ledger) write(ctx context.Context, reason string, f func(ctx context.Context, tx *db.Tx) error) error {
	l.mu.Lock()
	due := time.Since(l.seen) > beat
	l.mu.Unlock()
	now := store.Now()
	err := l.log.Unaudited(ctx, reason, func(ctx context.Context, tx *db.Tx) error {
		if due {
			err := store.Send(ctx, tx, `INSERT INTO replicas (id, seen_at) VALUES ($1, $2) `+
				`ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`, l.replica, now)
			if err != nil {
				return err
			}
		}
		return f(ctx, tx)
	})
	if due && err == nil {
		l.mu.Lock()
		l.seen = now
		l.mu.Unlock()
	}
	return err
}

const strandedQuery = `SELECT r.id, r.user_id, r.credential_id, r.session_id, r.kind, r.model, r.prompt_tokens, r.reserved, ` +
	`r.produced, r.started_at FROM reservations r LEFT JOIN replicas p ON p.id = r.replica_id ` +
	`WHERE p.id IS NULL OR p.seen_at < $1 ORDER BY r.id LIMIT $2`

// Sweep settles the reservations of replicas that have died, at what their last checkpoint says. Several replicas may do
// so at the same time.
func (l *Ledger) Sweep(ctx context.Context) error {
	dead := store.Now().Add(-staleAfter)
	err := l.store.Read(ctx, strandedQuery, []any{dead, sweepBatch}, func(rows *sql.Rows) error {
		r := &Reservation{ledger: l}
		var credential, session uuid.NullUUID
		var produced int64
		err := rows.Scan(&r.id, &r.who.UserID, &credential, &session, &r.call.Kind, &r.call.Model, &r.call.PromptTokens, &r.reserved,
			&produced, &r.startedAt)
		if err != nil {
			return err
		}
		r.who.CredentialID, r.who.SessionID = credential.UUID, session.UUID
		r.Settle(ctx, Cost{PromptTokens: r.call.PromptTokens, CompletionTokens: produced, Outcome: Aborted})
		return nil
	})
	if err != nil {
		return err
	}
	return l.log.Unaudited(ctx, "dead replicas", func(ctx context.Context, tx *db.Tx) error {
		return store.Send(ctx, tx, `DELETE FROM replicas WHERE seen_at < $1 AND id NOT IN (SELECT replica_id FROM reservations)`, dead)
	})
}

// leave says that this replica is gone; what it could not settle is another's from now on.
func (l *Ledger) leave(ctx context.Context) error {
	return l.log.Unaudited(ctx, "leaving replica", func(ctx context.Context, tx *db.Tx) error {
		return store.Send(ctx, tx, `DELETE FROM replicas WHERE id = $1`, l.replica)
	})
}
