package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"ariga.io/atlas/sql/schema"
)

// lockName is what the Atlas command line calls its lock on migrations; its advisory lock is the name's FNV-1 sum.
const lockName = "atlas_migrate_execute"

// lockPoll is how long to wait before asking for the lock again.
const lockPoll = 200 * time.Millisecond

// lock is the lock on migrations of PostgreSQL. It is held by a transaction of its own, on another connection than the migrations run
// on: so it goes with that, whatever becomes of this program, also through a pooler that gives each transaction another session.
//
// The zero lock is that of a database which nobody else can have open.
type lock struct{ tx *sql.Tx }

// lockMigrations takes the lock as soon as nobody else has it.
func lockMigrations(ctx context.Context, db *sql.DB) (*lock, error) {
	for limit := time.Now().Add(migrateWait); ; {
		l, err := tryLock(ctx, db)
		switch {
		case err != nil:
			return nil, fmt.Errorf("lock migrations: %w", err)
		case l != nil:
			return l, nil
		case time.Now().After(limit):
			return nil, fmt.Errorf("wait for another migration to end: %w", schema.ErrLocked)
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tryLock returns nil if somebody else has the lock.
func tryLock(ctx context.Context, db *sql.DB) (*lock, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	name := fnv.New32()
	name.Write([]byte(lockName))
	locked := false
	_, err = tx.ExecContext(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`)
	if err == nil {
		err = tx.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1)`, int64(name.Sum32())).Scan(&locked)
	}
	if err != nil || !locked {
		return nil, errors.Join(err, tx.Rollback())
	}
	return &lock{tx}, nil
}

// check fails if the lock has been lost.
func (l *lock) check(ctx context.Context) error {
	if l.tx == nil {
		return nil
	}
	if _, err := l.tx.ExecContext(ctx, `SELECT 1`); err != nil {
		return fmt.Errorf("the lock on migrations is lost: %w", err)
	}
	return nil
}

func (l *lock) release() { _ = l.tx.Rollback() }
