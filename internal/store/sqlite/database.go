// Package sqlite is the embedded database: its file, Ent's driver on it, and its one writer.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store/sqlitefile"
)

// Option changes how Open opens the file.
type Option int

const (
	// Existing makes Open fail when the file does not exist.
	Existing Option = iota + 1
	// Beside is Existing for a single change, such as an admin's recovery: a server may have the file open.
	Beside
)

// Database is an open file.
type Database struct {
	Client *db.Client
	SQL    *sql.DB // for statements that Ent has no words for

	path    string
	writer  *sql.DB
	driver  *entDriver
	release func() // releases the lock on the file
	writes  *writer
	version atomic.Uint64
}

// Tx runs f in a write transaction, which is on disk when it returns nil.
func (d *Database) Tx(ctx context.Context, f func(ctx context.Context, tx *db.Tx) error) error {
	return d.writes.do(ctx, f)
}

// Query is that of Ent's driver: it fills rows.
func (d *Database) Query(ctx context.Context, query string, args []any, rows *entsql.Rows) error {
	return d.driver.Query(ctx, query, args, rows)
}

// Version changes with each commit but those of stmt.SumsOnly.
func (d *Database) Version() uint64 { return d.version.Load() }

// MigrationDB opens the file without foreign keys: a table is rebuilt by dropping it, and its children would go with it. (Inside a
// transaction the pragma does nothing.)
func (d *Database) MigrationDB() (*sql.DB, error) {
	return sql.Open("sqlite", sqlitefile.DSN(d.path, sqlitefile.Patient, "foreign_keys(0)"))
}

// Connections returns how those that read and those of the writer are used right now.
func (d *Database) Connections() (inUse, idle, most int) {
	for _, pool := range []*sql.DB{d.SQL, d.writer} {
		st := pool.Stats()
		inUse, idle, most = inUse+st.InUse, idle+st.Idle, most+st.MaxOpenConnections
	}
	return inUse, idle, most
}

// Close waits for running writes and closes the database.
func (d *Database) Close() error {
	d.writes.batch.Close()
	err := errors.Join(d.writer.Close(), d.SQL.Close())
	d.release()
	return err
}
