package ollama

import (
	"cmp"
	"context"
	"errors"
	"slices"
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

	// mu also guards the servers' inflight. While a call waits, no server that is
	// ready for it has room.
	mu          sync.Mutex
	interactive lines
	batch       lines
	passed      int // turns of interactive calls while a batch could have had them
}

// batchEvery is which turn goes to a batch that waits.
const batchEvery = 4

// waiter is a call that waits for its turn.
type waiter struct {
	turn    Turn
	model   string
	holders []*server // that have the model
	begun   time.Time
	// let through to a server, or nil to make room for others; never blocks.
	called chan *server
}

// enter waits for the call's turn at one of the servers that have its model: of
// those that are ready and have room the least busy one, where calls for the model
// do not fail if there is a choice; leave must follow. It fails with ErrUnavailable
// when too many wait or for too long, since begun, and with ctx's error.
func (q *queue) enter(ctx context.Context, turn Turn, model string, holders []*server, begun time.Time) (*server, error) {
	w := &waiter{turn: turn, model: model, holders: holders, begun: begun}
	s, err := q.join(w)
	if s == nil && err == nil {
		s, err = q.wait(ctx, w)
	}
	if err == nil && q.onWait != nil {
		q.onWait(time.Since(begun), turn.Batch)
	}
	return s, err
}

var errQueueFull, errQueueSlow = errors.New("queue is full"), errors.New("waited too long for a turn")

// join gives the server that can take the call now, or nil and has it wait.
func (q *queue) join(w *waiter) (*server, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s := q.pick(w); s != nil {
		s.take(w.turn.User)
		return s, nil
	}
	if q.interactive.size+q.batch.size >= q.limit && !q.makeRoom(w.turn.User) {
		return nil, q.busy(errQueueFull)
	}
	w.called = make(chan *server, 1)
	q.linesOf(w.turn).add(w)
	return nil, nil
}

func (q *queue) wait(ctx context.Context, w *waiter) (*server, error) {
	timer := time.NewTimer(time.Until(w.begun.Add(q.timeout)))
	defer timer.Stop()
	look := time.NewTicker(firstWait) // when nobody else comes who has servers in doubt probed
	defer look.Stop()
	for {
		select {
		case s := <-w.called:
			return q.verdict(s)
		case <-look.C:
			anyReady(w.holders, w.model)
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
	q.fill(s)
}

// serve lets calls through to a server that has become ready for them.
func (q *queue) serve(s *server) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fill(s)
}

// The rest wants q.mu held.

// fill lets calls through while there is room at the server.
func (q *queue) fill(s *server) {
	for w := q.next(s); w != nil; w = q.next(s) {
		s.take(w.turn.User)
		w.called <- s
	}
}

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

// pick returns the best server that has room for the call, nil when none has: the
// least busy one, or else the one that the call has an affinity to, while that is
// busier by one call at most.
func (q *queue) pick(w *waiter) *server {
	var best, closest *server
	for _, s := range w.holders {
		if !q.hasRoom(s, w.turn.User) || !w.mayGoTo(s) {
			continue
		}
		if best == nil || s.betterThan(best, w.model) {
			best = s
		}
		if closest == nil || cmp.Or(cmp.Compare(s.standing(w.model), closest.standing(w.model)), cmp.Compare(closest.closeTo(w.turn), s.closeTo(w.turn))) < 0 {
			closest = s
		}
	}
	if w.turn.Affinity != 0 && best != nil && closest.inflight <= best.inflight+1 {
		return closest
	}
	return best
}

// closeTo returns how much of an affinity the call has to the server, by rendezvous
// hashing: all replicas of ours come to the same.
func (s *server) closeTo(turn Turn) uint64 {
	h := turn.Affinity ^ s.hash
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9 // the finalizer of SplitMix64
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// mayGoTo tells whether the server can take the call, if it has room. When all
// that have the model are in doubt, the call shall wait for the verdict, and not here.
func (w *waiter) mayGoTo(s *server) bool {
	return slices.Contains(w.holders, s) && (s.ready(w.model) || !anyReady(w.holders, w.model))
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

// makeRoom pushes out the last call, of his batches if there are any, of the user
// who has most calls waiting, if that leaves him no fewer than the user who comes.
func (q *queue) makeRoom(user string) bool {
	most, calls := q.longest()
	if most == user || calls < q.interactive.of(user)+q.batch.of(user)+2 {
		return false
	}
	from := &q.batch
	if from.of(most) == 0 {
		from = &q.interactive
	}
	last := from.last(most)
	from.remove(last)
	last.called <- nil
	return true
}

// longest gives the user who has most calls waiting.
func (q *queue) longest() (most string, calls int) {
	of := map[string]int{}
	for _, l := range slices.Concat(q.batch.list, q.interactive.list) {
		of[l.user] += len(l.calls)
		if of[l.user] > calls {
			most, calls = l.user, of[l.user]
		}
	}
	return most, calls
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
