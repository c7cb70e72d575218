package door

import (
	"sync"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
)

// ErrDraining ends the calls that still run when the time to drain is over, and refuses calls that begin meanwhile.
var ErrDraining = apierr.Retry(connect.CodeUnavailable, apierr.UpstreamUnavailable, "the server is shutting down", apierr.RetryDefault)

// Calls counts the calls that are running, so that a server that shuts down can wait for the last of them.
type Calls struct {
	mu      sync.Mutex
	running int
	ending  bool
	over    chan struct{} // closed when the last has ended
}

// NewCalls returns Calls of which none is running.
func NewCalls() *Calls { return &Calls{over: make(chan struct{})} }

// begin counts one more call, and reports whether it may run: none may after Drain. If begin returns true, the caller must call
// end.
func (c *Calls) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending {
		return false
	}
	c.running++
	return true
}

func (c *Calls) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	if c.ending && c.running == 0 {
		close(c.over)
	}
}

// Drain lets no more calls begin and returns a channel that is closed when the last has ended. It may be called once.
func (c *Calls) Drain() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = true
	if c.running == 0 {
		close(c.over)
	}
	return c.over
}

// Draining reports whether Drain has been called.
func (c *Calls) Draining() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}
