// Package fairqueue shares the slots of some servers fairly between users.
//
// Users take turns, calls of one user go in the order they came, and interactive
// calls go before batches, except at every fourth turn. Of three slots or more at
// a server one is kept for users who have none there: nobody can take all of them
// with calls that never end. When the queue is full, the user who has most calls in
// it makes room for one who has fewer: nobody can fill it up for the others.
//
// The queue knows nothing of the servers but their indexes.
package fairqueue

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"
)

// Config says how many calls are let through and how many may wait.
type Config struct {
	Servers   int           // how many there are; a server is named by its index
	PerServer int           // calls at once at each server; 0: any number, and none waits
	Limit     int           // calls that may wait, in all
	Timeout   time.Duration // how long each of them may
	// Recheck is how often a call that waits ranks its servers, should nobody else
	// do so: ranking is what has an unready one looked into.
	Recheck time.Duration
	// Busy returns the error of a call that gets no turn. The longest wait of others
	// says when to try again.
	Busy func(cause error, longestWait time.Duration) error
	// OnWait is told how long a call waited, when its turn comes; it may be nil.
	OnWait func(ctx context.Context, wait time.Duration, batch bool)
}

// Call wants a slot at one of its servers.
type Call struct {
	User    string // "" is one, too
	Batch   bool
	Servers []int     // those that can serve it, best first among equals
	Begun   time.Time // it may wait from then on
	// Rank returns how well a server suits the call, the lower the better, and
	// Unready when it had better not go there now. It must not block or call the queue.
	Rank func(server int) int
	// Affinity returns how close the call is to a server, which counts among servers
	// of the same rank; nil: the least busy one is taken.
	Affinity func(server int) uint64

	called chan int // receives the server, or none to make room for others; never blocks
}

// Unready is the rank of a server that a call goes to only if all of its servers
// are unready: then it shall wait for the verdict, and not in the queue.
const Unready = math.MaxInt

const none = -1

// Queue lets calls through to the servers. It is safe for use by many goroutines.
type Queue struct {
	config Config

	// While a call waits, no server that is ready for it has room.
	mu          sync.Mutex
	slots       []slots // by server
	interactive backlog
	batch       backlog
	passed      int // turns of interactive calls that a batch could have had
}

// slots counts the calls at a server, in all and by user.
type slots struct {
	total  int
	byUser map[string]int
}

// New returns a queue in front of idle servers.
func New(config Config) *Queue {
	q := &Queue{config: config, slots: make([]slots, config.Servers)}
	for i := range q.slots {
		q.slots[i].byUser = map[string]int{}
	}
	return q
}

// Enter waits for the call's turn and returns the best of its servers that has a
// free slot; the caller must call Leave. It fails with Config.Busy when too many
// calls wait or this one has for too long, and with ctx's error.
func (q *Queue) Enter(ctx context.Context, c *Call) (server int, err error) {
	server, err = q.join(c)
	if server == none && err == nil {
		server, err = q.wait(ctx, c)
	}
	if err == nil && q.config.OnWait != nil {
		q.config.OnWait(ctx, time.Since(c.Begun), c.Batch)
	}
	return server, err
}

var errFull, errTimeout = errors.New("queue is full"), errors.New("waited too long for a turn")

// join returns the server that can take the call now, or none after it has queued
// the call.
func (q *Queue) join(c *Call) (server int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s := q.pickLocked(c); s != none {
		q.takeLocked(s, c.User)
		return s, nil
	}
	if q.interactive.size+q.batch.size >= q.config.Limit && !q.makeRoomLocked(c.User) {
		return none, q.config.Busy(errFull, q.longestWaitLocked())
	}
	c.called = make(chan int, 1)
	q.backlogOf(c).add(c)
	return none, nil
}

func (q *Queue) wait(ctx context.Context, c *Call) (server int, err error) {
	timer := time.NewTimer(time.Until(c.Begun.Add(q.config.Timeout)))
	defer timer.Stop()
	recheck := time.NewTicker(q.config.Recheck)
	defer recheck.Stop()
	for {
		select {
		case s := <-c.called:
			return q.verdict(s, errFull)
		case <-recheck.C:
			c.anyReady()
		case <-ctx.Done():
			if !q.withdraw(c) {
				if s := <-c.called; s != none {
					q.Leave(s, c.User)
				}
			}
			return none, ctx.Err()
		case <-timer.C:
			if q.withdraw(c) {
				return q.verdict(none, errTimeout)
			}
			return q.verdict(<-c.called, errFull)
		}
	}
}

// verdict returns the server, or for none the error of a call that gets no turn.
func (q *Queue) verdict(server int, cause error) (int, error) {
	if server != none {
		return server, nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return none, q.config.Busy(cause, q.longestWaitLocked())
}

// withdraw takes a call out of the queue, and reports whether it was still there.
func (q *Queue) withdraw(c *Call) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.backlogOf(c).remove(c)
}

// Leave ends a call that entered, and lets the next ones through.
func (q *Queue) Leave(server int, user string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &q.slots[server]
	s.total--
	if s.byUser[user]--; s.byUser[user] == 0 {
		delete(s.byUser, user)
	}
	q.fillLocked(server)
}

// Serve lets calls through to a server that has become ready for them.
func (q *Queue) Serve(server int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fillLocked(server)
}

// InFlight returns how many calls a server works on.
func (q *Queue) InFlight(server int) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.slots[server].total
}

// Stats are the calls that wait.
type Stats struct {
	Waiting      int // interactive ones
	WaitingBatch int
	LongestWait  time.Duration
}

// Stats returns how many calls wait, and for how long.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Stats{q.interactive.size, q.batch.size, q.longestWaitLocked()}
}

func (q *Queue) longestWaitLocked() time.Duration {
	return max(q.interactive.longestWait(), q.batch.longestWait())
}

// anyReady reports whether one of the call's servers is ready. It ranks them all.
func (c *Call) anyReady() bool {
	best := Unready
	for _, s := range c.Servers {
		best = min(best, c.Rank(s))
	}
	return best < Unready
}
