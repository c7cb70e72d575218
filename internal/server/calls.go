package server

import (
	"sync"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/fault"
)

// errDraining ends what still runs when the time to end is over, and refuses what begins in it.
var errDraining = fault.Retry(connect.CodeUnavailable, fault.UpstreamUnavailable, "the server is shutting down", fault.RetryDefault)

// calls counts the calls that are running, so that a server that shuts down can wait for the last of them.
type calls struct {
	mu      sync.Mutex
	running int
	ending  bool
	over    chan struct{} // closed when the last has ended
}

func newCalls() *calls { return &calls{over: make(chan struct{})} }

// begin counts one more, or tells that none may begin any more. Whoever gets true must call end.
func (c *calls) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending {
		return false
	}
	c.running++
	return true
}

func (c *calls) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	if c.ending && c.running == 0 {
		close(c.over)
	}
}

// drain lets no call begin any more and returns what is closed when the last has ended. It may be called once.
func (c *calls) drain() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = true
	if c.running == 0 {
		close(c.over)
	}
	return c.over
}

func (c *calls) draining() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}
