package store

import (
	"context"
	"database/sql"

	"github.com/paddock-gate/paddock/ent/db"
)

// Exec runs a hand-written statement in the transaction, for the few that Ent cannot say, and returns how many rows it was
// about. Parameters are $1, $2, …, which both databases know.
func Exec(ctx context.Context, tx *db.Tx, statement string, args ...any) (rows int64, err error) {
	result, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Read runs one hand-written query, for the few that Ent would split into several, and hands each row to scan.
// Parameters are $1, $2, …, which both databases know.
func (s *Store) Read(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	ctx, cancel := patient(ctx)
	defer cancel()
	rows, err := s.reader.QueryContext(ctx, query, args...)
	if err != nil {
		return wrapAway(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return wrapAway(rows.Err())
}

// patient returns a context of the statement's own: it lasts for statementTimeout, whether or not the client that asked
// is still there. Statements are short, and pgx closes a connection whose query is cancelled; the reconnects would
// snowball just when many clients give up at once.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), statementTimeout)
}
