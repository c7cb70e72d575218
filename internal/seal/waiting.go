package seal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/seal/leaf"
	"github.com/paddock-gate/paddock/internal/store"
)

// errBetween is what removeRange fails with, and so the transaction, when others wait between those of the batch.
var errBetween = errors.New("other entries wait between those that are sealed")

// Lag returns how long the oldest entry that is not sealed has waited; 0 if none waits.
func (s *Sealer) Lag(ctx context.Context) (lag time.Duration, err error) {
	var oldest any
	err = s.store.Read(ctx, `SELECT id FROM unsealed_entries ORDER BY id LIMIT 1`, nil, func(row store.Row) error { return row.Scan(&oldest) })
	if id, ok := leaf.ParseID(oldest); ok && err == nil {
		lag = leaf.Age(id)
	}
	return lag, err
}

// removeArray has the entries not wait any more, on PostgreSQL.
func removeArray(ctx context.Context, tx *db.Tx, sealed []any) error {
	ids := make([]string, len(sealed))
	for i, id := range sealed {
		ids[i] = fmt.Sprint(id)
	}
	return store.Send(ctx, tx, `DELETE FROM unsealed_entries WHERE id = ANY($1::uuid[])`, ids)
}

// removeRange is removeArray for the embedded database, where no entry with an id between theirs is written later than they, but by
// another process, or when the clock has been set back.
func removeRange(ctx context.Context, tx *db.Tx, sealed []any) error {
	n, err := store.Exec(ctx, tx, `DELETE FROM unsealed_entries WHERE id >= $1 AND id <= $2`, sealed[0], sealed[len(sealed)-1])
	if err == nil && n != int64(len(sealed)) {
		return errBetween
	}
	return err
}

// removeEach is removeRange for entries between which others wait.
func removeEach(ctx context.Context, tx *db.Tx, sealed []any) error {
	rows := make([][]any, len(sealed))
	for i, id := range sealed {
		rows[i] = []any{id}
	}
	return store.SendRows(ctx, tx, `DELETE FROM unsealed_entries WHERE id IN (`, rows, `)`)
}
