// Package store opens the database, embedded SQLite or PostgreSQL. With migrate, it is the only package that knows which of the two
// it is.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store/postgres"
	"github.com/paddock-gate/paddock/internal/store/sqlite"
	"github.com/paddock-gate/paddock/internal/store/stmt"
)

// StatementTimeout bounds one statement, client and server alike.
const StatementTimeout = stmt.Timeout

// Store is an open database. Reads go through Client; writes through Tx, and for everything that matters through
// audit.Log.Do, which guards the rest.
type Store struct {
	*db.Client
	dialect  string
	sql      *sql.DB
	postgres *postgres.Database // or nil
	sqlite   *sqlite.Database   // or nil

	writability writability
}

// Option changes how Open opens the embedded database. It changes nothing for PostgreSQL.
type Option = sqlite.Option

const (
	// Existing makes Open fail when the file does not exist.
	Existing = sqlite.Existing
	// Beside is Existing for a single change, such as an admin's recovery: a server may have the file open.
	Beside = sqlite.Beside
)

// Open opens the database at rawURL: postgres://… or sqlite:///path/to/file (three slashes and an absolute path, or two
// and a relative one). It does not touch the schema; see package migrate. Opening PostgreSQL does not connect yet; opening SQLite
// creates the file and fails when another server has it open, unless options say otherwise.
func Open(ctx context.Context, rawURL string, options ...Option) (*Store, error) {
	scheme, path, _ := strings.Cut(rawURL, "://")
	err := errors.New("the URL begins with neither postgres:// nor sqlite://")
	switch scheme {
	case "postgres", "postgresql":
		var d *postgres.Database
		if d, err = postgres.Open(ctx, rawURL); err == nil {
			return &Store{Client: d.Client, dialect: dialect.Postgres, sql: d.SQL, postgres: d}, nil
		}
	case "sqlite":
		var d *sqlite.Database
		if d, err = sqlite.Open(ctx, path, options...); err == nil {
			return &Store{Client: d.Client, dialect: dialect.SQLite, sql: d.SQL, sqlite: d}, nil
		}
	}
	return nil, fmt.Errorf("open database: %w", err)
}

// Embedded reports whether this is the embedded SQLite.
func (s *Store) Embedded() bool { return s.sqlite != nil }

// Dialect returns Ent's name for the kind of database.
func (s *Store) Dialect() string { return s.dialect }

// DB returns the database for statements that Ent has no words for.
func (s *Store) DB() *sql.DB { return s.sql }

// MigrationDB opens the database without what migrations are not to heed: the limits on time that our own pool has, and on SQLite foreign keys.
func (s *Store) MigrationDB() (*sql.DB, error) {
	if s.Embedded() {
		return s.sqlite.MigrationDB()
	}
	return s.postgres.MigrationDB(), nil
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stmt.AcquireTimeout)
	defer cancel()
	return WrapAway(s.sql.PingContext(ctx))
}

// Connections is a snapshot of the connection pool.
type Connections struct{ InUse, Idle, Max int }

// Connections returns how the pool is used right now.
func (s *Store) Connections() Connections {
	var c Connections
	if s.Embedded() {
		c.InUse, c.Idle, c.Max = s.sqlite.Connections()
	} else {
		c.InUse, c.Idle, c.Max = s.postgres.Connections()
	}
	return c
}

// Close waits for running writes and closes the database.
func (s *Store) Close() error {
	if s.Embedded() {
		return s.sqlite.Close()
	}
	return s.postgres.Close()
}
