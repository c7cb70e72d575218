package janitor

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store"
)

// table is one whose rows end before a limit ($1). The rows that are over are found by an index on the column that says when they
// ended, oldest first, or else in the order of the primary key, range by range.
type table struct {
	name  string
	index string    // column with an index; "": none
	over  string    // condition, where there is no index
	at    uuid.UUID // the last row that was looked at, where there is no index
}

// sweep deletes rows until none is over, or it has taken j.batches steps. It leaves as much time to others as it takes.
func (j *Janitor) sweep(ctx context.Context, t *table, limit any) (deleted int64, err error) {
	step := j.nextRange
	if t.index != "" {
		step = j.oldest
	}
	for range j.batches {
		begun := time.Now()
		n, more, err := step(ctx, t, limit)
		deleted += n
		if err != nil || !more {
			return deleted, err
		}
		select {
		case <-ctx.Done():
			return deleted, ctx.Err()
		case <-time.After(time.Since(begun)):
		}
	}
	return deleted, nil
}

// oldest deletes the oldest rows that are over, and reports whether there may be more.
func (j *Janitor) oldest(ctx context.Context, t *table, limit any) (n int64, more bool, err error) {
	n, err = j.delete(ctx, t, limit, batch)
	return n, n > 0, err
}

// nextRange deletes those of the next rows that are over, and reports whether there are more rows. Most have none: only reading
// them is no write transaction.
func (j *Janitor) nextRange(ctx context.Context, t *table, limit any) (n int64, more bool, err error) {
	rows, over, last := 0, 0, uuid.Nil
	query := `SELECT id, CASE WHEN ` + t.over + ` THEN 1 ELSE 0 END FROM ` + t.name + ` WHERE id > $2 ORDER BY id LIMIT $3`
	err = j.store.Read(store.Slow(ctx), query, []any{limit, t.at, batch}, func(r store.Row) error {
		rows++
		isOver := 0
		err := r.Scan(&last, &isOver)
		over += isOver
		return err
	})
	if err == nil && over > 0 {
		n, err = j.delete(ctx, t, limit, t.at, last)
	}
	if err != nil {
		return n, false, err
	}
	if t.at = last; rows < batch {
		t.at = uuid.Nil
	}
	return n, rows == batch, nil
}

// delete deletes the rows that oldest or nextRange has found, but for those that somebody else is about to change or delete: it waits
// for nobody, and nobody waits for it for longer than one statement takes.
func (j *Janitor) delete(ctx context.Context, t *table, args ...any) (n int64, err error) {
	err = j.log.Unaudited(ctx, "delete what is over", func(ctx context.Context, tx *db.Tx) error {
		n, err = store.Exec(ctx, tx, j.statement(t), args...)
		return err
	})
	return n, err
}

func (j *Janitor) statement(t *table) string {
	which := `id > $2 AND id <= $3 AND (` + t.over + `) ORDER BY id`
	if t.index != "" {
		which = t.index + ` < $1 ORDER BY ` + t.index + ` LIMIT $2`
	}
	if !j.store.Embedded() {
		which += ` FOR UPDATE SKIP LOCKED`
	}
	return `WITH over AS MATERIALIZED (SELECT id FROM ` + t.name + ` WHERE ` + which + `) ` +
		`DELETE FROM ` + t.name + ` WHERE id IN (SELECT id FROM over)`
}
