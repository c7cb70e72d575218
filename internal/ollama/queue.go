package ollama

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"
)

// queue lets so many calls at once through to each server. The others wait:
// users take turns, calls of one user go in the order they came, and interactive
// calls go before batches, but for every fourth turn.
//
// Of three places or more on a server one is kept for users who have none there:
// nobody can take all of them with answers that never end.
//
// When the queue is full, whoever has most in it makes room for a user who has
// less: nobody can fill it up for the others.
type queue struct {
	perServer int // 0: any number
	limit     int
	timeout   time.Duration
	onWait    func(wait time.Duration, batch bool)

	// mu also guards the servers' inflight. While a call waits, no server that
	// could take it has room.
	mu          sync.Mutex
	interactive lines
	batch       lines
	passed      int // turns of interactive calls while a batch could have had them
}

// batchEvery is which turn goes to a batch that waits.
const batchEvery = 4

// waiter is a call that waits for its turn.
type waiter struct {
	turn  Turn
	able  []*server // that can take it
	begun time.Time
	// let through to a server, or nil to make room for others; never blocks.
	called chan *server
}

// enter waits for the call's turn at one of the servers: of those that have room
// the least busy one, unless calls for the model fail there; leave must follow. It fails with ErrUnavailable when too many wait or for too long, since
// begun, and with ctx's error.
func (q *queue) enter(ctx context.Context, turn Turn, model string, able []*server, begun time.Time) (*server, error) {
	s, w, err := q.join(turn, model, able, begun)
	if w != nil {
		s, err = q.wait(ctx, w)
	}
	if err == nil && q.onWait != nil {
		q.onWait(time.Since(begun), turn.Batch)
	}
	return s, err
}

var errQueueFull, errQueueSlow = errors.New("queue is full"), errors.New("waited too long for a turn")

// join gives the server that has room now, or else the call's place in the queue.
func (q *queue) join(turn Turn, model string, able []*server, begun time.Time) (*server, *waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s := q.pick(turn.User, model, able); s != nil {
		s.take(turn.User)
		return s, nil, nil
	}
	if q.interactive.size+q.batch.size >= q.limit && !q.makeRoom(turn.User) {
		return nil, nil, q.busy(errQueueFull)
	}
	w := &waiter{turn: turn, able: able, begun: begun, called: make(chan *server, 1)}
	q.linesOf(turn).add(w)
	return nil, w, nil
}

func (q *queue) wait(ctx context.Context, w *waiter) (*server, error) {
	timer := time.NewTimer(time.Until(w.begun.Add(q.timeout)))
	defer timer.Stop()
	select {
	case s := <-w.called:
		return q.verdict(s)
	case <-ctx.Done():
		if !q.withdraw(w) {
			if s := <-w.called; s != nil {
				q.leave(s, w.turn.User)
			}
		}
		return nil, ctx.Err()
	case <-timer.C:
		if !q.withdraw(w) {
			return q.verdict(<-w.called)
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		return nil, q.busy(errQueueSlow)
	}
}

func (q *queue) verdict(s *server) (*server, error) {
	if s != nil {
		return s, nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return nil, q.busy(errQueueFull)
}

// withdraw takes a call out of the queue, and tells whether it was still there.
func (q *queue) withdraw(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.linesOf(w.turn).remove(w)
}

// leave ends a call of the user's that entered, and lets the next one through.
func (q *queue) leave(s *server, user string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.give(user)
	for w := q.next(s); w != nil; w = q.next(s) {
		s.take(w.turn.User)
		w.called <- s
	}
}

// The rest wants q.mu held.

// hasRoom tells whether the user may have another place at the server.
func (q *queue) hasRoom(s *server, user string) bool {
	switch {
	case q.perServer == 0:
		return true
	case q.perServer >= 3 && s.places[user] >= q.perServer-1:
		return false
	}
	return s.inflight < q.perServer
}

// pick gives the best server that has room for the user, nil when none has.
func (q *queue) pick(user, model string, able []*server) *server {
	var best *server
	for _, s := range able {
		if q.hasRoom(s, user) && (best == nil || s.betterThan(best, model)) {
			best = s
		}
	}
	return best
}

func (s *server) betterThan(other *server, model string) bool {
	return cmp.Or(cmp.Compare(s.standing(model), other.standing(model)), cmp.Compare(s.inflight, other.inflight)) < 0
}

// take and give count the places of a user at a server.
func (s *server) take(user string) {
	s.inflight++
	if s.places == nil {
		s.places = map[string]int{}
	}
	s.places[user]++
}

func (s *server) give(user string) {
	s.inflight--
	if s.places[user]--; s.places[user] == 0 {
		delete(s.places, user)
	}
}

func (q *queue) linesOf(turn Turn) *lines {
	if turn.Batch {
		return &q.batch
	}
	return &q.interactive
}

// next takes out the call whose turn it is at the server, nil when none waits.
func (q *queue) next(s *server) *waiter {
	may := func(user string) bool { return q.hasRoom(s, user) }
	interactive, batch := q.interactive.first(s, may), q.batch.first(s, may)
	switch {
	case batch == nil:
		return q.interactive.call(interactive)
	case interactive != nil && q.passed < batchEvery-1:
		q.passed++
		return q.interactive.call(interactive)
	}
	q.passed = 0
	return q.batch.call(batch)
}

// makeRoom pushes out the last call of the user who has most of them waiting, if
// that leaves him no fewer than the user who comes.
func (q *queue) makeRoom(user string) bool {
	longest := q.batch.longest()
	if other := q.interactive.longest(); longest == nil || other != nil && len(other.calls) > len(longest.calls) {
		longest = other
	}
	if longest == nil || longest.user == user || len(longest.calls) < q.interactive.of(user)+q.batch.of(user)+2 {
		return false
	}
	w := longest.calls[len(longest.calls)-1]
	q.linesOf(w.turn).remove(w)
	w.called <- nil
	return true
}

// busy is the error of calls that get no turn: the wait of others tells when to
// ask again.
func (q *queue) busy(cause error) error {
	err := unavailable(messageBusy, cause)
	err.RetryAfter = max(retryAfter, q.longestWait())
	return err
}

func (q *queue) longestWait() time.Duration {
	return max(q.interactive.longestWait(), q.batch.longestWait())
}

func (q *queue) stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Stats{Waiting: q.interactive.size, WaitingBatch: q.batch.size, LongestWait: q.longestWait()}
}

func (q *queue) running(s *server) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return s.inflight
}
