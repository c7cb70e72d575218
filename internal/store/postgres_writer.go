package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// insertWriters is how many connections commit transactions that only insert.
const insertWriters = 2

// inserts is a transaction that has asked for no answer: its statements are all of it.
type inserts struct {
	statements []*pgx.QueuedQuery
	err        error
	done       chan struct{}
}

// insert waits until the statements are committed as one transaction, or have failed. Those that come while a commit is
// on its way go into the next one together.
func (d *postgresDriver) insert(statements []*pgx.QueuedQuery) error {
	j := &inserts{statements: statements, done: make(chan struct{})}
	if err := d.inserts.put(j); err != nil {
		return err
	}
	<-j.done
	return j.err
}

// commitInserts commits a group, or, when one of its transactions fails, each for itself.
func (d *postgresDriver) commitInserts(first *inserts, next func() (*inserts, bool)) {
	var (
		group      []*inserts
		statements []*pgx.QueuedQuery
	)
	for j, ok := first, true; ok; j, ok = next() {
		group = append(group, j)
		statements = append(statements, j.statements...)
	}
	err := d.pipeline(statements)
	refused := isRefusal(err) && len(group) > 1
	for _, j := range group {
		if j.err = err; refused {
			j.err = d.pipeline(j.statements)
		}
		close(j.done)
	}
}

// isRefusal tells whether the server has answered that it did not do it: an answer that is lost says nothing.
func isRefusal(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.SeverityUnlocalized == "ERROR"
}

// pipeline sends the statements in one go, which PostgreSQL takes for one transaction without being told.
func (d *postgresDriver) pipeline(statements []*pgx.QueuedQuery) error {
	ctx, cancel := patient(context.Background())
	defer cancel()
	conn, err := d.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	results := conn.SendBatch(ctx, &pgx.Batch{QueuedQueries: statements})
	defer results.Close()
	for range statements {
		if _, err := results.Exec(); err != nil {
			return heldError(err)
		}
	}
	return results.Close()
}
