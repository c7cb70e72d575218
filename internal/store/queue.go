package store

import (
	"fmt"
	"sync"
	"time"
)

// groupSize bounds how many transactions share a commit, and so how much one failed commit can take along.
const groupSize = 64

// queue hands transactions to the workers that commit them in groups.
type queue[J any] struct {
	jobs    chan J
	mu      sync.RWMutex // guards jobs against sends after close
	closed  bool
	workers sync.WaitGroup
}

// newQueue starts the workers. Each takes a job, asks next for those that have come meanwhile, and answers them all.
func newQueue[J any](workers int, commit func(first J, next func() (J, bool))) *queue[J] {
	q := &queue[J]{jobs: make(chan J, 4*groupSize)}
	for range workers {
		q.workers.Go(func() {
			for j := range q.jobs {
				commit(j, q.upTo(groupSize-1))
			}
		})
	}
	return q
}

// upTo returns a function that takes waiting jobs, no more than n.
func (q *queue[J]) upTo(n int) func() (J, bool) {
	return func() (j J, ok bool) {
		if n == 0 {
			return j, false
		}
		n--
		select {
		case j, ok = <-q.jobs:
		default:
		}
		return j, ok
	}
}

func (q *queue[J]) put(j J) error {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return fmt.Errorf("%w: closed", ErrAway)
	}
	select {
	case q.jobs <- j:
		return nil
	default:
	}
	timer := time.NewTimer(acquireTimeout)
	defer timer.Stop()
	select {
	case q.jobs <- j:
		return nil
	case <-timer.C:
		return fmt.Errorf("%w: too many writes wait", ErrAway)
	}
}

// close waits until everything that was put before is answered.
func (q *queue[J]) close() {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.jobs)
	}
	q.mu.Unlock()
	q.workers.Wait()
}
