package store

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store/dberr"
	"github.com/paddock-gate/paddock/internal/store/stmt"
)

type writes struct{}

// WithWrites returns a context with which Exec and Send write. It is for package audit, which sees to it that no change
// goes without its entry.
func WithWrites(ctx context.Context) context.Context { return context.WithValue(ctx, writes{}, true) }

// MayWrite reports whether the context is one of WithWrites.
func MayWrite(ctx context.Context) bool { return ctx.Value(writes{}) != nil }

var errMayNotWrite = errors.New("store: a write outside of audit.Log")

// Exec runs a hand-written statement in the transaction, for the few that Ent cannot say, and returns how many rows it was
// about. Parameters are $1, $2, …, which both databases know.
func Exec(ctx context.Context, tx *db.Tx, statement string, args ...any) (rows int64, err error) {
	if !MayWrite(ctx) {
		return 0, errMayNotWrite
	}
	result, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Send is Exec for a statement of which only the error counts. On PostgreSQL it goes out with the next statement that is
// asked for an answer, or with the commit, and its error comes out there.
func Send(ctx context.Context, tx *db.Tx, statement string, args ...any) error {
	if !MayWrite(ctx) {
		return errMayNotWrite
	}
	_, err := tx.ExecContext(stmt.Unanswered(ctx), statement, args...)
	return err
}

// SendRows is Send for a statement about many rows, whose values stand between head and tail in parentheses: "INSERT INTO t
// (a, b) VALUES " or "DELETE FROM t WHERE id IN (". It is sent for as many rows as one of rowsAtOnce, so that few different
// statements need to be prepared.
func SendRows(ctx context.Context, tx *db.Tx, head string, rows [][]any, tail string) error {
	for size := 0; len(rows) > 0; {
		for rowsAtOnce[size] > len(rows) {
			size++
		}
		n := rowsAtOnce[size]
		width := len(rows[0])
		if err := Send(ctx, tx, head+Placeholders(1, n, width)+tail, slices.Concat(rows[:n]...)...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// rowsAtOnce makes two statements of most numbers of rows, each of which costs a trigger's run.
var rowsAtOnce = []int{48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1}

// Placeholders returns "($1, $2), ($3, $4)" for two rows of two, from $1 on.
func Placeholders(first, rows, width int) string {
	b := make([]byte, 0, rows*width*6)
	for i := range rows * width {
		switch {
		case i%width > 0:
			b = append(b, ", "...)
		case i > 0:
			b = append(b, "), ("...)
		default:
			b = append(b, '(')
		}
		b = strconv.AppendInt(append(b, '$'), int64(first+i), 10)
	}
	return string(append(b, ')'))
}

// errNotMet is what Require fails with on SQLite.
var errNotMet = errors.New("a requirement of the transaction is not met")

// Require makes the transaction fail, with an error for which IsNotMet reports true, unless the SQL expression, a number, is
// above 0. On PostgreSQL it is sent like the statement of Send: nothing but this divides by zero.
func (s *Store) Require(ctx context.Context, tx *db.Tx, expression string, args ...any) error {
	if !s.Embedded() {
		return Send(ctx, tx, "SELECT 1 / ("+expression+")", args...)
	}
	return require(ctx, tx, errNotMet, expression, args)
}

// IsNotMet reports whether a transaction has failed because of Require.
func IsNotMet(err error) bool { return errors.Is(err, errNotMet) || dberr.HasCode(err, "22012") }

// errChanged is what RequireUnchanged fails with on SQLite.
var errChanged = errors.New("a row has changed meanwhile")

// RequireUnchanged is Require for a row that was read before the transaction began; the error is one for which IsChanged reports true.
// On PostgreSQL nothing but this takes the logarithm of zero.
func (s *Store) RequireUnchanged(ctx context.Context, tx *db.Tx, expression string, args ...any) error {
	if !s.Embedded() {
		return Send(ctx, tx, "SELECT ln("+expression+")", args...)
	}
	return require(ctx, tx, errChanged, expression, args)
}

// IsChanged reports whether a transaction has failed because of RequireUnchanged.
func IsChanged(err error) bool { return errors.Is(err, errChanged) || dberr.HasCode(err, "2201E") }

// require returns failure unless the expression is above 0.
func require(ctx context.Context, tx *db.Tx, failure error, expression string, args []any) error {
	rows, err := tx.QueryContext(ctx, "SELECT "+expression, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if n == 0 {
		return failure
	}
	return nil
}

// LimitLockWaits bounds how long the transaction waits for each row that another one has locked; a deadlock may then look like such a wait.
// The transaction shares its commit with none that has another bound. SQLite has no such locks.
func (s *Store) LimitLockWaits(ctx context.Context, tx *db.Tx, limit time.Duration) error {
	if s.Embedded() {
		return nil
	}
	return Send(stmt.Alone(ctx), tx, "SELECT set_config('lock_timeout', $1, true)", strconv.FormatInt(limit.Milliseconds(), 10))
}

// Row is a row of what Read has found.
type Row interface{ Scan(dest ...any) error }

// Read runs one hand-written query, for the few that Ent would split into several, and hands each row to scan.
// Parameters are $1, $2, …, which both databases know.
func (s *Store) Read(ctx context.Context, query string, args []any, scan func(Row) error) error {
	var rows entsql.Rows
	if err := s.query(ctx, query, args, &rows); err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (s *Store) query(ctx context.Context, query string, args []any, rows *entsql.Rows) error {
	if s.Embedded() {
		return s.sqlite.Query(ctx, query, args, rows)
	}
	return s.postgres.Query(ctx, query, args, rows)
}

// Slow returns a context for reads that sum up many rows, and may take as long as any statement.
func Slow(ctx context.Context) context.Context { return stmt.Slow(ctx) }

// Vital returns a context for a statement that nothing in a call makes fail: if the database refuses it, as by a trigger or a
// constraint of the operator, the error is ErrAway.
func Vital(ctx context.Context) context.Context { return stmt.Vital(ctx) }
