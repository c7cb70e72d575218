package coalesce

import (
	"errors"
	"sync"
	"time"
)

// Batch is a group commit: jobs that come while commits are running go into the next one together.
type Batch[J any] struct {
	options BatchOptions
	commit  func(first J, next func() (J, bool))
	jobs    chan J

	mu         sync.Mutex
	committing int            // how many goroutines commit
	closed     bool           // running takes no more
	running    sync.WaitGroup // calls of Put, and goroutines that commit
}

// BatchOptions bound a Batch.
type BatchOptions struct {
	Commits int           // that may run at the same time
	Jobs    int           // that may share a commit; four times as many may wait
	Wait    time.Duration // of a job for room to wait in; 0: for as long as it takes
}

// The errors of Put.
var (
	ErrFull   = errors.New("too many wait")
	ErrClosed = errors.New("closed")
)

// NewBatch returns a Batch. commit gets the first job of a group and asks next for those that have come meanwhile; it must
// see to it that the goroutine that put a job learns what became of it.
func NewBatch[J any](o BatchOptions, commit func(first J, next func() (J, bool))) *Batch[J] {
	return &Batch[J]{options: o, commit: commit, jobs: make(chan J, 4*o.Jobs)}
}

// Put hands the job to a goroutine that commits; it may return before the job is committed. If none is free, Put itself
// commits one group and leaves the rest to a new goroutine: a job that comes alone changes no goroutine.
func (b *Batch[J]) Put(j J) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return ErrClosed
	}
	b.running.Add(1)
	b.mu.Unlock()
	defer b.running.Done()
	if err := b.send(j); err != nil {
		return err
	}
	if b.begin() {
		defer b.handOver() // after a panic, too, since others wait
		b.commitGroup()
	}
	return nil
}

func (b *Batch[J]) send(j J) error {
	select {
	case b.jobs <- j:
		return nil
	default:
	}
	var timeout <-chan time.Time
	if b.options.Wait > 0 {
		timer := time.NewTimer(b.options.Wait)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case b.jobs <- j:
		return nil
	case <-timeout:
		return ErrFull
	}
}

// begin reports whether the caller must commit: jobs wait, and not as many goroutines as may commit already. If it returns
// true, end must be called after each commit until that returns true.
func (b *Batch[J]) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.committing == b.options.Commits || len(b.jobs) == 0 {
		return false
	}
	b.committing++
	return true
}

// end reports whether nothing waits any more, so that the caller must not go on.
func (b *Batch[J]) end() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.jobs) > 0 {
		return false
	}
	b.committing--
	return true
}

// handOver leaves what waits to a new goroutine.
func (b *Batch[J]) handOver() {
	if b.end() {
		return
	}
	b.running.Go(func() {
		for done := false; !done; done = b.end() {
			b.commitGroup()
		}
	})
}

func (b *Batch[J]) commitGroup() {
	first, ok := b.next()
	if !ok {
		return // others took what waited
	}
	left := b.options.Jobs - 1
	b.commit(first, func() (j J, ok bool) {
		if left == 0 {
			return j, false
		}
		left--
		return b.next()
	})
}

func (b *Batch[J]) next() (j J, ok bool) {
	select {
	case j = <-b.jobs:
		return j, true
	default:
		return j, false
	}
}

// Rest takes out all jobs that wait, for when there is no point in committing them.
func (b *Batch[J]) Rest() []J {
	var rest []J
	for j, ok := b.next(); ok; j, ok = b.next() {
		rest = append(rest, j)
	}
	return rest
}

// Close refuses further jobs and waits until those that were put before are committed.
func (b *Batch[J]) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.running.Wait()
}
