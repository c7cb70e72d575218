package sqlite

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/coalesce"
	"github.com/paddock-gate/paddock/internal/store/dberr"
	"github.com/paddock-gate/paddock/internal/store/stmt"
)

// writer is SQLite's one writer. Transactions that come while another one runs go into the same commit, each behind
// a savepoint of its own: with 32 at once and synchronous=FULL 21,000 users with their audit entries a second, where
// ungrouped commits make 3,500.
type writer struct {
	client  *db.Client
	version *atomic.Uint64
	batch   *coalesce.Batch[*job]
}

type job struct {
	ctx   context.Context
	f     func(ctx context.Context, tx *db.Tx) error
	err   error
	panic *panicked
	done  chan struct{}
}

// panicked takes a panic of f to the goroutine that asked, with the stack that it would lose.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) String() string { return fmt.Sprintf("%v\n\nin the writer:\n%s", p.value, p.stack) }

func newWriter(client *db.Client, version *atomic.Uint64) *writer {
	w := &writer{client: client, version: version}
	w.batch = coalesce.NewBatch(coalesce.BatchOptions{Commits: 1, Jobs: stmt.GroupSize, Wait: stmt.AcquireTimeout}, w.commit)
	return w
}

// do waits until f's transaction is on disk, or has failed.
func (w *writer) do(ctx context.Context, f func(ctx context.Context, tx *db.Tx) error) error {
	j := &job{ctx: ctx, f: f, done: make(chan struct{})}
	if err := w.batch.Put(j); err != nil {
		return fmt.Errorf("%w: %w", dberr.ErrAway, err)
	}
	<-j.done
	if j.panic != nil {
		panic(j.panic)
	}
	return j.err
}

// commit runs the first job, and those that come meanwhile, in one transaction and answers them.
func (w *writer) commit(first *job, next func() (*job, bool)) {
	var group []*job
	err := dberr.ErrAbandoned // unless all goes its way
	defer func() {
		if slices.ContainsFunc(group, func(j *job) bool { return !stmt.IsSumsOnly(j.ctx) }) {
			w.version.Add(1) // before anybody learns of it; also when it is unknown whether it was committed
		}
		for _, j := range group {
			if j.err == nil {
				j.err = err
			}
			close(j.done)
		}
	}()
	tx, beginErr := w.client.Tx(context.Background())
	if beginErr != nil { // another process has locked the file: whoever waits for that has waited long enough
		group, err = append(w.batch.Rest(), first), fmt.Errorf("begin: %w", beginErr)
		return
	}
	for j, ok := first, true; ok; j, ok = next() {
		group = append(group, j)
		if err = runJob(tx, j); err != nil {
			tx.Rollback()
			return
		}
	}
	if err = tx.Commit(); err != nil {
		tx.Rollback()
		err = fmt.Errorf("commit: %w", err)
	}
}

// runJob runs one job behind a savepoint. Its own failure stays in the job; the error is one of the whole transaction.
func runJob(tx *db.Tx, j *job) error {
	ctx := context.Background()
	if _, err := tx.ExecContext(ctx, "SAVEPOINT job"); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	j.run(tx)
	if j.err != nil {
		if _, err := tx.ExecContext(ctx, "ROLLBACK TO job"); err != nil {
			return fmt.Errorf("roll back: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, "RELEASE job"); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

func (j *job) run(tx *db.Tx) {
	defer func() {
		if value := recover(); value != nil {
			j.err, j.panic = dberr.ErrAbandoned, &panicked{value, debug.Stack()}
		}
	}()
	j.err = j.f(j.ctx, tx)
}
