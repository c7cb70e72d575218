package relay

import (
	"net/http"
	"sync"
	"time"

	"github.com/paddock-gate/paddock/internal/dialect"
)

// client is the writing side of an exchange. While it waits for an upstream that says nothing (which loads a model, reads a
// prompt or writes a tool call), it sends the client of a stream filler, so that neither that one nor a proxy in between takes
// the connection for dead. Its methods may be called by one goroutine.
type client struct {
	w       http.ResponseWriter
	flusher *http.ResponseController
	filler  string
	every   time.Duration
	leave   func() // called when the client cannot be written to

	mu    sync.Mutex
	last  time.Time // when something was sent
	begun bool      // something was
	gone  bool      // the client cannot be written to
	over  bool      // no filler is sent any more
	timer *time.Timer
}

// keepAlive begins to send filler. If it is called, stop must be.
func (c *client) keepAlive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = time.Now()
	c.timer = time.AfterFunc(c.every, c.fill)
}

// stop ends the filler. When it returns, none is being written.
func (c *client) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.timer != nil {
		c.timer.Stop()
	}
}

func (c *client) fill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.gone {
		return
	}
	quiet := time.Since(c.last)
	if quiet >= c.every {
		quiet = 0
		c.sendLocked(dialect.EventStream, []byte(c.filler))
	}
	c.timer.Reset(c.every - quiet)
}

// send sends a part of a stream at once, and reports whether it could.
func (c *client) send(contentType string, b []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sendLocked(contentType, b)
}

func (c *client) sendLocked(contentType string, b []byte) bool {
	if c.gone {
		return false
	}
	if !c.begun {
		c.begun = true
		c.w.Header().Set("Content-Type", contentType)
		c.w.Header().Set("X-Accel-Buffering", "no") // nginx would hold pieces back
	}
	c.last = time.Now()
	_, err := c.w.Write(b)
	if err == nil {
		err = c.flusher.Flush()
	}
	if err != nil {
		c.gone = true
		c.leave()
	}
	return !c.gone
}

// Write writes a part of a whole answer as long as the client is there. It never fails.
func (c *client) Write(b []byte) (int, error) {
	if !c.gone {
		_, err := c.w.Write(b)
		c.begun, c.gone = true, err != nil
	}
	return len(b), nil
}
