// Package dberr tells what an error of either database means.
package dberr

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/paddock-gate/paddock/ent/db"
)

// ErrAway means that the database cannot be reached, is shutting down, is overloaded or cannot write: nothing that the
// caller did wrong, and worth another try later.
var ErrAway = errors.New("database unavailable")

// ErrAbandoned means that a transaction was not committed, without an error of the database that says why.
var ErrAbandoned = errors.New("the transaction was not committed")

// ErrColumnTypes is what Ent is told when it asks rows for the types of their columns, as it does for what no field describes. It then
// scans into an any.
var ErrColumnTypes = errors.New("column types are not known here")

// WrapAway marks err with ErrAway when it is of that kind, and returns it as it is otherwise.
func WrapAway(err error) error {
	if err == nil || errors.Is(err, ErrAway) || !isAway(err) {
		return err
	}
	return Away(err)
}

// Away returns an error of the kind ErrAway with the given cause.
func Away(cause error) error { return awayError{cause} }

// awayError is an error of the kind ErrAway, in one line.
type awayError struct{ cause error }

func (e awayError) Error() string { return ErrAway.Error() + ": " + inOneLine(e.cause) }

func (e awayError) Unwrap() []error { return []error{ErrAway, e.cause} }

// inOneLine leaves of an attempt to connect what PostgreSQL itself said, or else the last failure: pgx lists all, for each
// address with and without TLS.
func inOneLine(err error) string {
	attempt, ok := errors.AsType[*pgconn.ConnectError](err)
	if !ok {
		return err.Error()
	}
	if said, ok := errors.AsType[*pgconn.PgError](attempt); ok {
		return said.Error()
	}
	lines := strings.Split(attempt.Error(), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

func isAway(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code[:min(2, len(pg.Code))] {
		case "08", // connection exception
			"53", // insufficient resources: too many connections, disk full
			"57", // operator intervention: shutdown, statement timeout
			"58": // I/O error
			return true
		}
		switch pg.Code {
		case "25006", // read-only after a failover
			"XX001", "XX002", // damaged data or index
			"55P03",                   // lock timeout
			"3D000", "28P01", "28000": // database or credentials gone
			return true
		}
		return false
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
			sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM,
			sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return true
		}
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || pgconn.SafeToRetry(err)
}

// Held makes db.IsConstraintError see what Ent would have marked, had it heard of the error itself: that of a statement which
// was sent after Ent had asked for it.
func Held(err error) error {
	if sqlgraph.IsConstraintError(err) {
		return heldConstraintError{err}
	}
	return err
}

type heldConstraintError struct{ error }

func (e heldConstraintError) Unwrap() error { return e.error }

func (e heldConstraintError) As(target any) bool {
	c, ok := target.(**db.ConstraintError)
	if ok {
		*c = new(db.ConstraintError)
	}
	return ok
}

// Refused marks the error of a vital statement with ErrAway: see stmt.Vital.
func Refused(err error) error {
	if errors.Is(err, ErrAway) {
		return err
	}
	return Away(err)
}

// IsLocked reports whether a statement has waited too long for a row that another transaction has locked.
func IsLocked(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "55P03"
}

// IsRetryable reports whether a whole transaction may simply be run again: a serialization failure or a deadlock.
func IsRetryable(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "40001" || pg.Code == "40P01")
}

// Taken reports whether err is a violation of the unique constraint on the column, "users.email", or of the primary key "users.id".
func Taken(err error, column string) bool {
	if !sqlgraph.IsUniqueConstraintError(err) {
		return false
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		table, name, _ := strings.Cut(column, ".")
		return pg.ConstraintName == table+"_"+name+"_key" || name == "id" && pg.ConstraintName == table+"_pkey"
	}
	return strings.Contains(err.Error(), column)
}

// IsUnwritable reports whether a transaction has failed because nothing can be written, and not because of others at the time.
func IsUnwritable(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "25006" || pg.Code == "53100" || pg.Code[:min(2, len(pg.Code))] == "58" // read-only, full, I/O error
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return true
		}
	}
	return false
}

// HasCode reports whether err is PostgreSQL's error of that code.
func HasCode(err error, code string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == code
}
