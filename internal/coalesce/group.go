// Package coalesce lets calls that come at the same time share their work: Group shares reads, Batch shares commits.
package coalesce

import (
	"errors"
	"sync"
)

// Group shares reads of the same key. A call joins only a read that has not begun, and if one is running waits for the next:
// it never gets a value that was read before it asked. (That of golang.org/x/sync/singleflight joins the one that runs.)
// A nil Group shares nothing.
type Group[K comparable, V any] struct {
	// Final reports whether the error of a read is also the answer to the calls that wait for the next one.
	Final func(error) bool

	mu      sync.Mutex
	running map[K]*read[V]
}

type read[V any] struct {
	begin, done chan struct{}
	next        *read[V] // begins when this one is done
	value       V
	err         error
}

// ErrPanicked is the error of the calls that share a read which panicked.
var ErrPanicked = errors.New("the shared read panicked")

// Do returns what f reads for the key; callers must not change it. f runs in one of the goroutines that wait for it.
func (g *Group[K, V]) Do(key K, f func() (V, error)) (V, error) {
	if g == nil {
		return f()
	}
	r, first := g.join(key)
	if !first {
		<-r.done
		return r.value, r.err
	}
	<-r.begin
	if r.err == nil {
		g.run(key, r, f)
	}
	return r.value, r.err
}

// join returns the read that a call which comes now shares, and whether the call is the first to.
func (g *Group[K, V]) join(key K) (r *read[V], first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	running := g.running[key]
	if running != nil && running.next != nil {
		return running.next, false
	}
	r = &read[V]{begin: make(chan struct{}), done: make(chan struct{})}
	if running != nil {
		running.next = r
		return r, true
	}
	if g.running == nil {
		g.running = map[K]*read[V]{}
	}
	g.running[key] = r
	close(r.begin)
	return r, true
}

func (g *Group[K, V]) run(key K, r *read[V], f func() (V, error)) {
	r.err = ErrPanicked
	defer g.end(key, r)
	r.value, r.err = f()
}

// end answers the calls that share the read and lets the next one begin.
func (g *Group[K, V]) end(key K, r *read[V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(r.done)
	next := r.next
	if next == nil {
		delete(g.running, key)
		return
	}
	if r.err != nil && g.Final != nil && g.Final(r.err) {
		delete(g.running, key)
		next.err = r.err
		close(next.done)
	} else {
		g.running[key] = next
	}
	close(next.begin)
}
