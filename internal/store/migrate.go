package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// migrateLock is the advisory lock that the Atlas command line takes too.
	migrateLock = "atlas_migrate_execute"
	// migrateWait bounds the wait for another replica that migrates.
	migrateWait = 10 * time.Minute
)

// Migrate applies the pending migrations, each in a transaction of its own, and returns the file names of those that it
// applied, beside an error too. On PostgreSQL several replicas may call it at once: one works, the others wait.
func (s *Store) Migrate(ctx context.Context) (applied []string, err error) {
	db, err := s.migrationDB()
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	defer db.Close() // gives back the lock
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", wrapAway(err))
	}
	defer conn.Close()
	if applied, err = s.migrate(ctx, conn); err != nil {
		return applied, fmt.Errorf("migrate: %w", wrapAway(err))
	}
	return applied, nil
}

func (s *Store) migrate(ctx context.Context, conn *sql.Conn) (applied []string, err error) {
	dir, err := migrations(s.dialect)
	if err != nil {
		return nil, err
	}
	if s.dialect == dialect.Postgres { // SQLite's file is locked since Open
		if err := lockMigrations(ctx, conn); err != nil {
			return nil, err
		}
	}
	status, pending, err := s.pending(ctx, dir, conn)
	if err != nil {
		return nil, err
	}
	if status.Ahead {
		return nil, status.ahead()
	}
	if err := (revisions{conn, s.dialect}).create(ctx); err != nil {
		return nil, err
	}
	for _, file := range pending {
		if err := s.apply(ctx, conn, dir, file); err != nil {
			return applied, fmt.Errorf("%s: %w", file.Name(), err)
		}
		applied = append(applied, file.Name())
	}
	return applied, nil
}

// lockMigrations takes the lock until the connection ends.
func lockMigrations(ctx context.Context, conn *sql.Conn) error {
	drv, err := postgres.Open(conn)
	if err != nil {
		return err
	}
	if _, err := drv.Lock(ctx, migrateLock, migrateWait); err != nil {
		return fmt.Errorf("wait for another migration to end: %w", err)
	}
	return nil
}

// apply runs one migration and writes its revision, in one transaction.
func (s *Store) apply(ctx context.Context, conn *sql.Conn, dir migrate.Dir, file migrate.File) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	executor, err := newExecutor(s.dialect, dir, tx)
	if err != nil {
		return err
	}
	if err := executor.Execute(ctx, file); err != nil {
		if cause, ok := errors.AsType[*migrate.StmtExecError](err); ok {
			return cause // what follows it is only that the revision could not be written either
		}
		return err
	}
	if s.dialect == dialect.SQLite {
		if err := checkForeignKeys(ctx, tx); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// migrationDB opens the database without the limits on time that our own pool has, and SQLite without foreign keys: a
// table is rebuilt by dropping it, and its children would go with it. (Inside a transaction the pragma does nothing.)
func (s *Store) migrationDB() (*sql.DB, error) {
	if s.dialect == dialect.SQLite {
		return sql.Open("sqlite", sqliteDSN(s.path, "foreign_keys(0)"))
	}
	cfg := s.pool.Config().ConnConfig
	for _, limit := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		cfg.RuntimeParams[limit] = "0"
	}
	return stdlib.OpenDB(*cfg), nil
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
