package door

import (
	"sync"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
)

// ErrDraining ends the calls that still run when the time to drain is over, and refuses those that would begin then.
var ErrDraining = apierr.Retry(connect.CodeUnavailable, apierr.UpstreamUnavailable, "the server is shutting down", apierr.RetryDefault)

// Calls counts the calls that are running, so that a server that shuts down can wait for the last of them.
type Calls struct {
	mu      sync.Mutex
	running int
	refused bool
	idle    chan struct{} // closed when no call is running; nil unless someone waits for that
}

// NewCalls returns Calls of which none is running.
func NewCalls() *Calls { return &Calls{} }

// begin counts one more call, and reports whether it may run: none may after Refuse. If begin returns true, the caller must call
// end.
func (c *Calls) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused {
		return false
	}
	c.running++
	return true
}

func (c *Calls) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	if c.idle != nil && c.running == 0 {
		close(c.idle)
		c.idle = nil
	}
}

// Running returns how many calls are running.
func (c *Calls) Running() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running
}

// Idle returns a channel that is closed as soon as no call is running. Calls may begin before that and after it.
func (c *Calls) Idle() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	idle := c.idle
	if idle == nil {
		idle = make(chan struct{})
		c.idle = idle
	}
	if c.running == 0 {
		close(idle)
		c.idle = nil
	}
	return idle
}

// Refuse lets no more calls begin.
func (c *Calls) Refuse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = true
}

// Refused reports whether Refuse has been called.
func (c *Calls) Refused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}
