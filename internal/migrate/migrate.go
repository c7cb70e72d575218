// Package migrate keeps the schema of a database up to date, in such a way that the Atlas command line can go on where it
// stopped, and the other way round.
package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/paddock-gate/paddock/internal/store"
)

const (
	// migrateWait bounds the wait for another replica that migrates, and for a table that others use.
	migrateWait = 10 * time.Minute
	// lockWait is how long a migration waits for a table's lock on PostgreSQL, while the calls of running servers queue behind it, and
	// lockPause how long these then have before it tries again.
	lockWait, lockPause = "500ms", time.Second
)

// Up applies the pending migrations, each in a transaction of its own, and returns the file names of those that it applied,
// beside an error too. On a schema that is newer and compatible it does nothing. On PostgreSQL several replicas may call it at once:
// one works, the others wait.
func Up(ctx context.Context, s *store.Store) (applied []string, err error) {
	dir, err := migrations(s.Dialect())
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	return upTo(ctx, s, dir)
}

// upTo is Up for the migrations in dir.
func upTo(ctx context.Context, s *store.Store, dir atlas.Dir) (applied []string, err error) {
	db, err := s.MigrationDB()
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	defer db.Close()
	wait, done := newWaiting(ctx, "a connection to the database")
	defer done()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", store.WrapAway(err))
	}
	defer conn.Close()
	locked := new(lock)
	if !s.Embedded() { // SQLite's file is locked since Open
		wait.on("another program to end its migration of the database")
		if locked, err = lockMigrations(ctx, db); err != nil {
			return nil, fmt.Errorf("migrate: %w", store.WrapAway(err))
		}
		defer locked.release()
	}
	wait.on("the migrations that the database has")
	m := &migration{dialect: s.Dialect(), conn: conn, dir: dir, lock: locked, wait: wait}
	if applied, err = m.up(ctx); err != nil {
		return applied, fmt.Errorf("migrate: %w", store.WrapAway(err))
	}
	return applied, nil
}

// migration is one run of Up.
type migration struct {
	dialect string
	conn    *sql.Conn
	dir     atlas.Dir
	lock    *lock
	wait    *waiting
}

func (m *migration) up(ctx context.Context) (applied []string, err error) {
	status, pending, err := pendingIn(ctx, m.dialect, m.dir, m.conn)
	if err != nil {
		return nil, err
	}
	if status.Needs != "" {
		return nil, status.ahead()
	}
	if status.Ahead {
		return nil, nil
	}
	if err := (revisions{m.conn, m.dialect}).create(ctx); err != nil {
		return nil, err
	}
	for _, file := range pending {
		if err := m.applyUnlocked(ctx, file); err != nil {
			return applied, fmt.Errorf("%s: %w", file.Name(), err)
		}
		applied = append(applied, file.Name())
	}
	return applied, nil
}

// applyUnlocked is apply as soon as nobody locks what the migration changes: a backup or a report may for long.
func (m *migration) applyUnlocked(ctx context.Context, file atlas.File) error {
	m.wait.on("the migration " + file.Name())
	for limit := time.Now().Add(migrateWait); ; {
		if err := m.lock.check(ctx); err != nil {
			return err
		}
		err := apply(ctx, m.dialect, m.conn, m.dir, file)
		if cause, ok := errors.AsType[*pgconn.PgError](err); !ok || cause.Code != lockNotAvailable || time.Now().After(limit) {
			return err
		}
		m.wait.on("others to leave alone what the migration " + file.Name() + " changes: a backup or a report")
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lockNotAvailable is PostgreSQL's code for a wait that took longer than lock_timeout.
const lockNotAvailable = "55P03"

// apply runs one migration and writes its revision, in one transaction unless the migration says otherwise.
func apply(ctx context.Context, dialectName string, conn *sql.Conn, dir atlas.Dir, file atlas.File) error {
	if isUntransacted(file) {
		return applyUntransacted(ctx, dialectName, conn, dir, file)
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if dialectName == dialect.Postgres {
		if _, err := tx.ExecContext(ctx, `SET LOCAL lock_timeout = '`+lockWait+`'; SET LOCAL statement_timeout = 0`); err != nil {
			return err
		}
	}
	if err := execute(ctx, dialectName, tx, dir, file); err != nil {
		return err
	}
	if dialectName == dialect.SQLite {
		if err := checkForeignKeys(ctx, tx); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// execute runs one migration, and writes its revision after each statement.
func execute(ctx context.Context, dialectName string, db schema.ExecQuerier, dir atlas.Dir, file atlas.File) error {
	executor, err := newExecutor(dialectName, dir, db)
	if err != nil {
		return err
	}
	err = executor.Execute(ctx, file)
	if cause, ok := errors.AsType[*atlas.StmtExecError](err); ok {
		return cause // what follows it is only that the revision could not be written either
	}
	return err
}

func checkForeignKeys(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return err
	}
	defer rows.Close()
	if rows.Next() {
		var (
			table, parent string
			row, key      sql.NullInt64
		)
		if err := rows.Scan(&table, &row, &parent, &key); err != nil {
			return err
		}
		return fmt.Errorf("row %d of %s would refer to a missing row of %s", row.Int64, table, parent)
	}
	return rows.Err()
}
