// Package store opens the database, embedded SQLite or PostgreSQL. With migrate, it is the only package that knows which of the two
// it is.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/coalesce"
	"github.com/paddock-gate/paddock/internal/store/sqlitefile"
)

const (
	// StatementTimeout bounds one statement, client and server alike.
	StatementTimeout = 5 * time.Second
	// acquireTimeout bounds the wait for a connection, so that callers learn within 2 s that the database is away.
	acquireTimeout = time.Second
)

// Store is an open database. Reads go through Client; writes through Tx, and for everything that matters through
// audit.Log.Do, which guards the rest.
type Store struct {
	*db.Client
	dialect string
	sql     *sql.DB
	reader  entsql.ExecQuerier        // sql, or statements of it that stay prepared
	pool    *pgxpool.Pool             // nil on SQLite
	pooler  *pooler                   // nil on SQLite
	path    string                    // of the embedded database's file
	release func()                    // releases the lock on it
	writes  *sqliteWriter             // nil on PostgreSQL
	version atomic.Uint64             // of what NewReads reads, on SQLite
	inserts *coalesce.Batch[*inserts] // nil on SQLite

	writability writability
}

// Option changes how Open opens the embedded database. It changes nothing for PostgreSQL.
type Option int

const (
	// Existing makes Open fail when the file does not exist.
	Existing Option = iota + 1
	// Beside is Existing for a single change, such as an admin's recovery: a server may have the file open.
	Beside
)

// Open opens the database at rawURL: postgres://… or sqlite:///path/to/file (three slashes and an absolute path, or two
// and a relative one). It does not touch the schema; see package migrate. Opening PostgreSQL does not connect yet; opening SQLite
// creates the file and fails when another server has it open, unless options say otherwise.
func Open(ctx context.Context, rawURL string, options ...Option) (*Store, error) {
	scheme, path, _ := strings.Cut(rawURL, "://")
	s := new(Store)
	var err error
	switch scheme {
	case "postgres", "postgresql":
		err = s.openPostgres(ctx, rawURL)
	case "sqlite":
		err = s.openSQLite(ctx, path, options)
	default:
		err = errors.New("the URL begins with neither postgres:// nor sqlite://")
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if s.dialect == dialect.SQLite {
		p := newPrepared(s.sql)
		s.reader = p
		s.Client = db.NewClient(db.Driver(&sqliteDriver{p}))
		s.writes = newSQLiteWriter(s.Client, &s.version)
	} else {
		s.reader = s.sql
		d := newPostgresDriver(s.pool, s.pooler)
		s.Client, s.inserts = db.NewClient(db.Driver(d)), d.inserts
	}
	return s, nil
}

// Embedded reports whether this is the embedded SQLite.
func (s *Store) Embedded() bool { return s.dialect == dialect.SQLite }

// Dialect returns Ent's name for the kind of database.
func (s *Store) Dialect() string { return s.dialect }

// DB returns the database for statements that Ent has no words for.
func (s *Store) DB() *sql.DB { return s.sql }

// MigrationDB opens the database without the limits on time that our own pool has, and SQLite without foreign keys: a
// table is rebuilt by dropping it, and its children would go with it. (Inside a transaction the pragma does nothing.)
func (s *Store) MigrationDB() (*sql.DB, error) {
	if s.dialect == dialect.SQLite {
		return sql.Open("sqlite", sqlitefile.DSN(s.path, "foreign_keys(0)", sqlitefile.Patient))
	}
	cfg := s.pool.Config().ConnConfig
	for _, setting := range sessionSettings {
		cfg.RuntimeParams[setting.name] = "0"
	}
	connector := stdlib.GetConnector(*cfg, stdlib.OptionBeforeConnect(s.pooler.adapt), stdlib.OptionAfterConnect(s.pooler.check))
	return sql.OpenDB(poolerConnector{connector, s.pooler}), nil
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, acquireTimeout)
	defer cancel()
	return WrapAway(s.sql.PingContext(ctx))
}

// Connections is a snapshot of the connection pool.
type Connections struct{ InUse, Idle, Max int }

// Connections returns how the pool is used right now.
func (s *Store) Connections() Connections {
	if s.pool != nil {
		st := s.pool.Stat()
		return Connections{InUse: int(st.AcquiredConns()), Idle: int(st.IdleConns()), Max: int(st.MaxConns())}
	}
	st := s.sql.Stats()
	return Connections{InUse: st.InUse, Idle: st.Idle, Max: st.MaxOpenConnections}
}

// Close waits for running writes and closes the database.
func (s *Store) Close() error {
	if s.writes != nil {
		s.writes.batch.Close()
	}
	if s.inserts != nil {
		s.inserts.Close()
	}
	err := s.sql.Close()
	if s.pool != nil {
		s.pool.Close()
	}
	if s.release != nil {
		s.release()
	}
	return err
}
