package coalesce

import (
	"context"
	"sync"
	"time"
)

// Reads shares reads of rows by their keys. Calls that come while reads are running go into the next one together, whatever their
// keys, so that no call ever gets a value that was read before it asked, unless Version says that it is the same still.
type Reads[K comparable, V any] struct {
	// Load reads the values of the keys, each of which is there once; keys without a value are left out. It runs in one of the
	// goroutines that ask, with its context.
	Load func(ctx context.Context, keys []K) (map[K]V, error)
	// AtOnce is how many reads may be running.
	AtOnce int
	// Final reports whether the error of a read that took Patience or longer is also the answer to the calls that wait for the next one.
	Final    func(error) bool
	Patience time.Duration
	// Version, if set, is another number once any value may be another one, and before that is acknowledged to anybody. Values are
	// then remembered while it stays the same, up to RememberFor.
	Version func() uint64

	mu         sync.Mutex
	running    int
	next       *shared[K, V] // that has not begun
	version    uint64        // at which what is remembered was read
	remembered map[K]remembered[V]
}

// RememberFor is how long a value is remembered at most, for the sake of changes by which Version does not count.
const RememberFor = 500 * time.Millisecond

// mostRemembered bounds the memory for values.
const mostRemembered = 10_000

type remembered[V any] struct {
	value V
	until time.Time
}

// shared is one read.
type shared[K comparable, V any] struct {
	keys        []K
	asked       map[K]struct{}
	begin, done chan struct{}
	began       time.Time
	values      map[K]V
	err         error
}

// Get returns the value of the key, and whether there is one. Callers must not change it.
func (r *Reads[K, V]) Get(ctx context.Context, key K) (value V, ok bool, err error) {
	s, first, v, ok := r.join(key, r.current())
	if ok {
		return v, true, nil
	}
	if first {
		<-s.begin
		if s.err == nil {
			r.run(ctx, s)
		}
	} else {
		<-s.done
	}
	value, ok = s.values[key]
	return value, ok, s.err
}

// join returns the read that a call which comes now shares, and whether the call is the one to run it; or else the value that is
// remembered.
func (r *Reads[K, V]) join(key K, version uint64) (s *shared[K, V], first bool, value V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Version != nil {
		if version != r.version || r.remembered == nil {
			r.version, r.remembered = version, map[K]remembered[V]{}
		} else if m, found := r.remembered[key]; found && time.Now().Before(m.until) {
			return nil, false, m.value, true
		}
	}
	s = r.next
	if s == nil {
		s, first = &shared[K, V]{asked: map[K]struct{}{}, begin: make(chan struct{}), done: make(chan struct{})}, true
		if r.running < r.AtOnce {
			r.running++
			close(s.begin)
		} else {
			r.next = s
		}
	}
	if _, twice := s.asked[key]; !twice {
		s.keys, s.asked[key] = append(s.keys, key), struct{}{}
	}
	return s, first, value, false
}

func (r *Reads[K, V]) current() uint64 {
	if r.Version == nil {
		return 0
	}
	return r.Version()
}

func (r *Reads[K, V]) run(ctx context.Context, s *shared[K, V]) {
	s.err, s.began = ErrPanicked, time.Now()
	defer r.end(s, r.current())
	s.values, s.err = r.Load(ctx, s.keys)
}

// end remembers the values, answers the calls that share the read and lets the next one begin.
func (r *Reads[K, V]) end(s *shared[K, V], version uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remember(s, version)
	close(s.done)
	next := r.next
	r.next = nil
	switch {
	case next == nil:
		r.running--
	case s.err != nil && r.Final != nil && r.Final(s.err) && time.Since(s.began) >= r.Patience:
		r.running--
		next.err = s.err
		close(next.done)
		close(next.begin)
	default:
		close(next.begin)
	}
}

// remember keeps the values of a read that began at the version. mu must be held.
func (r *Reads[K, V]) remember(s *shared[K, V], version uint64) {
	if s.err != nil || r.Version == nil || version != r.version {
		return
	}
	until := time.Now().Add(RememberFor)
	for key, value := range s.values {
		if len(r.remembered) >= mostRemembered {
			clear(r.remembered)
		}
		r.remembered[key] = remembered[V]{value, until}
	}
}
