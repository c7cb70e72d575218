package health

import (
	"errors"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// State is the state of a circuit breaker.
type State int

const (
	// Closed lets calls through.
	Closed State = iota
	// HalfOpen has the next call find out whether the server is back.
	HalfOpen
	// Open refuses calls at once.
	Open
)

func (s State) String() string {
	return [...]string{"closed", "half-open", "open"}[s]
}

// Between probes that fail: the wait doubles from the first to the last.
const (
	firstWait = time.Second
	lastWait  = 10 * time.Second
)

// circuit is the circuit breaker of a server or of one of its models. Failures trip it;
// then a cheap probe decides, which one call sets off and all that come meanwhile wait
// for. So one hanging model, whose calls time out, does not close the
// others off, and what has recovered serves the very call that finds it so. Libraries
// of this kind let a real call be the probe, which here may take minutes.
//
// The mutex of the monitor that it belongs to must be held for all of its methods.
type circuit struct {
	probe     func() error  // must end by itself; called without the mutex
	tripAfter int           // so many failures in a row, with no answer in between, trip it
	patience  time.Duration // how long a call waits for a probe: what a dead server may cost it at most
	err       *ollama.Error // of calls that are refused
	onClose   func()        // called when calls go through again; may be nil

	failures int           // in a row
	wait     time.Duration // after the last failed probe
	retryAt  time.Time     // of the next probe; meaningful once tripped
	probing  chan struct{} // closed when the running probe has ended; nil when none runs
}

func (c *circuit) state() State {
	switch {
	case c.failures < c.tripAfter:
		return Closed
	case time.Now().Before(c.retryAt):
		return Open
	}
	return HalfOpen
}

// succeed notes an answer, whatever it said, and reports whether that closes the circuit.
func (c *circuit) succeed() bool {
	closes := c.failures >= c.tripAfter
	c.failures = 0
	if closes && c.onClose != nil {
		c.onClose()
	}
	return closes
}

// fail notes that there was no answer.
func (c *circuit) fail() {
	c.failures++
	if c.failures == c.tripAfter {
		c.wait, c.retryAt = 0, time.Now()
	}
}

// trip notes that what should answer was found dead.
func (c *circuit) trip() {
	for range c.tripAfter {
		c.fail()
	}
}

// probeFailed puts the next probe off.
func (c *circuit) probeFailed() {
	c.wait = min(max(2*c.wait, firstWait), lastWait)
	c.retryAt = time.Now().Add(c.wait)
}

var errOpen = errors.New("circuit breaker is open")

// refusal returns the error of calls that come now, nil if they are let through.
func (c *circuit) refusal() error {
	if c.state() == Closed {
		return nil
	}
	err := c.err.WithCause(errOpen)
	err.Unserved = true
	err.RetryAfter = max(time.Until(c.retryAt), err.RetryAfter)
	return err
}
