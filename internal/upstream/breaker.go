package upstream

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// State is what the circuit breaker thinks of the upstream.
type State int

const (
	// Closed lets calls through.
	Closed State = iota
	// HalfOpen lets the next call find out whether the upstream is back.
	HalfOpen
	// Open refuses calls at once.
	Open
)

func (s State) String() string {
	return [...]string{"closed", "half-open", "open"}[s]
}

// Between probes of a dead upstream: the wait doubles from the first to the last.
const (
	firstWait = time.Second
	lastWait  = 10 * time.Second
)

// breaker keeps a dead upstream from costing every call a connect time-out.
//
// Failures put the upstream in doubt; the verdict is a cheap probe that one call
// sets off and all that come meanwhile wait for. So one hanging model, whose
// calls time out, does not close the others off, and a recovered upstream serves
// the very call that finds it recovered. Libraries of this kind let a real
// call be the probe, which here may take minutes.
type breaker struct {
	probe     func() error  // must end by itself
	tripAfter int           // so many failures in a row, with no answer in between, are cause for doubt
	patience  time.Duration // how long a call waits for a probe: what a dead upstream may cost it at most
	err       *ollama.Error // of calls that are refused
	onClose   func()        // called when calls go through again

	mu       sync.Mutex
	failures int           // in a row
	wait     time.Duration // after the last failed probe
	retryAt  time.Time     // of the next probe; meaningful once tripped
	probing  chan struct{} // closed when the running probe has ended; nil when none runs
}

// admit gives nil when a call may go upstream, ErrUnavailable when not, and ctx's
// error when it ended meanwhile.
func (b *breaker) admit(ctx context.Context) error {
	verdict, err := b.ask()
	if verdict == nil {
		return err
	}
	timer := time.NewTimer(b.patience)
	defer timer.Stop()
	select {
	case <-verdict:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refusal()
}

// ask gives the answer that is known already, or else the probe to wait for.
func (b *breaker) ask() (verdict <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state() != HalfOpen {
		return nil, b.refusal()
	}
	return b.look(), nil
}

// ready tells whether calls go through. When that is in doubt it sets off a
// probe, and does not wait for it.
func (b *breaker) ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.state()
	if state == HalfOpen {
		b.look()
	}
	return state == Closed
}

// look gives the running probe and sets one off if there is none. It wants b.mu
// held.
func (b *breaker) look() (verdict <-chan struct{}) {
	if b.probing == nil {
		b.probing = make(chan struct{})
		go b.runProbe()
	}
	return b.probing
}

func (b *breaker) runProbe() {
	err := b.probe()
	if err == nil {
		b.succeeded()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.probing)
	b.probing = nil
	if err != nil {
		b.wait = min(max(2*b.wait, firstWait), lastWait)
		b.retryAt = time.Now().Add(b.wait)
	}
}

// succeeded reports that the upstream answered, whatever it said.
func (b *breaker) succeeded() {
	b.mu.Lock()
	closes := b.failures >= b.tripAfter
	b.failures = 0
	b.mu.Unlock()
	if closes {
		b.onClose()
	}
}

// failed reports that the upstream did not answer.
func (b *breaker) failed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	if b.failures == b.tripAfter {
		b.wait, b.retryAt = 0, time.Now()
	}
}

// trip reports that the upstream was found dead.
func (b *breaker) trip() {
	for range b.tripAfter {
		b.failed()
	}
}

// refused returns the refusal of calls that come now, if they are refused.
func (b *breaker) refused() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refusal()
}

// State tells what the breaker thinks of the upstream.
func (b *breaker) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state()
}

// state and refusal want b.mu held.
func (b *breaker) state() State {
	switch {
	case b.failures < b.tripAfter:
		return Closed
	case time.Now().Before(b.retryAt):
		return Open
	}
	return HalfOpen
}

var errOpen = errors.New("circuit breaker is open")

func (b *breaker) refusal() error {
	if b.failures < b.tripAfter {
		return nil
	}
	err := b.err.WithCause(errOpen)
	err.Unserved = true
	err.RetryAfter = max(time.Until(b.retryAt), err.RetryAfter)
	return err
}
