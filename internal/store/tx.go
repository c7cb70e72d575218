package store

import (
	"context"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/telemetry"
)

// Tx runs f in a write transaction: all of it is committed, or, when f fails, nothing. f may run more than once, so it
// must not do anything that cannot be undone but through tx; and it holds up other writers, so it must be quick. It goes
// on when ctx ends meanwhile: whether the change was made must be known.
//
// On PostgreSQL f runs again, up to three times, after a serialization failure or a deadlock, and then it is ErrAway. What asks for no answer, an
// insert, is sent there with the next statement that does, or with the commit, and fails there: f must return the first
// error it gets, and whether a value was taken is known from the error of Tx.
//
// Transactions that come while others are being committed share a commit: all of them on SQLite, which has one writer, and
// those that only insert on PostgreSQL. Each keeps its own fate.
func (s *Store) Tx(ctx context.Context, f func(ctx context.Context, tx *db.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, span := telemetry.StartTransaction(ctx, s.dialect)
	err := s.runTx(ctx, f)
	s.writability.note(err)
	span.End(err)
	return err
}

func (s *Store) runTx(ctx context.Context, f func(ctx context.Context, tx *db.Tx) error) error {
	if s.Embedded() {
		return s.sqlite.Tx(ctx, f)
	}
	return s.postgres.Tx(ctx, f)
}

// Now is the time as both databases keep it: UTC, to the microsecond.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
