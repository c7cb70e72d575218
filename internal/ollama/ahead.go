package ollama

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// A model works as long as its answer is taken, and its place is given back when the
// answer has ended. A client that reads slowly, or not at all, must not hold up either:
// when the reader of an answer is away for long, the answer is read ahead.

const (
	// awayAfter is how long the reader of an answer is away until it is read ahead.
	awayAfter = 100 * time.Millisecond
	// maxAhead bounds what is read ahead of an answer, bytes: some 5,000 tokens.
	maxAhead = 1 << 20
	// maxAheadInAll bounds what is read ahead of all answers of a server; each may be
	// read ahead by minAhead in any case.
	maxAheadInAll = 32 << 20
	minAhead      = 4 << 10
)

// heldUp is how long a model may be held up by a reader that is behind by as much as
// may be read ahead, and takes nothing; and heldUpInAll how long in all by one that takes
// little now and then.
var heldUp, heldUpInAll = 5 * time.Second, 30 * time.Second

var errHeldUp = errors.New("the answer was not read")

// ahead is what was read ahead of an answer. One goroutine fills it, another one reads it.
type ahead struct {
	left *atomic.Int64 // that may be read ahead of all answers of the server

	mu     sync.Mutex
	moved  sync.Cond // when something was read, or it was closed
	held   bytes.Buffer
	waited time.Duration // in all, for the reader
	err    error         // after held
	closed bool
}

func newAhead(left *atomic.Int64) *ahead {
	h := &ahead{left: left}
	h.moved.L = &h.mu
	return h
}

// Read reads what was read ahead, and waits for it.
func (h *ahead) Read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.held.Len() == 0 && h.err == nil {
		h.moved.Wait()
	}
	if h.held.Len() == 0 {
		return 0, h.err
	}
	n, _ := h.held.Read(p)
	h.left.Add(int64(n))
	if h.held.Len() == 0 {
		h.held = bytes.Buffer{} // which may be large
	}
	h.moved.Broadcast()
	return n, nil
}

// put adds what was read.
func (h *ahead) put(b []byte, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.held.Write(b)
		h.left.Add(-int64(len(b)))
	}
	h.err = err
	h.moved.Broadcast()
}

// full reports whether no more may be read ahead. mu must be held.
func (h *ahead) full() bool {
	n := h.held.Len()
	return n >= maxAhead || n >= minAhead && h.left.Load() <= 0
}

// wait waits until more may be read ahead. It fails when h is closed, and when its reader
// takes nothing for too long, or too little.
func (h *ahead) wait() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	began := time.Now()
	for h.full() && !h.closed {
		n := h.held.Len()
		if late := h.waitFor(min(heldUp, heldUpInAll-h.waited)); late && h.held.Len() == n {
			return errHeldUp
		}
		h.waited += time.Since(began)
		began = time.Now()
	}
	if h.closed || h.waited >= heldUpInAll {
		return errHeldUp
	}
	return nil
}

// waitFor waits until the reader has taken something, or for the time, and reports whether that is over. mu must be held.
func (h *ahead) waitFor(limit time.Duration) (late bool) {
	timer := time.AfterFunc(limit, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		late = true
		h.moved.Broadcast()
	})
	defer timer.Stop()
	for n := h.held.Len(); h.held.Len() == n && !h.closed && !late; {
		h.moved.Wait()
	}
	return late
}

// close forgets what was not read.
func (h *ahead) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left.Add(int64(h.held.Len()))
	h.held, h.closed = bytes.Buffer{}, true
	h.moved.Broadcast()
}

// back notes that the reader has come back, and returns what was read ahead, nil if
// nothing was.
func (a *Answer) back() *ahead {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reading = true
	if a.away != nil {
		a.away.Stop()
	}
	return a.ahead
}

// leave notes that the reader goes away with what it has read.
func (a *Answer) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reading = false
	if a.away == nil {
		a.away = time.AfterFunc(awayAfter, a.readAhead)
	} else {
		a.away.Reset(awayAfter)
	}
}

// readAhead reads ahead if the reader is away.
func (a *Answer) readAhead() {
	a.mu.Lock()
	begin := !a.reading && !a.closed && a.ahead == nil
	if begin {
		a.ahead = newAhead(a.left)
	}
	a.mu.Unlock()
	if begin {
		a.fill(a.ahead)
	}
}

// fill reads to the end of the answer.
func (a *Answer) fill(h *ahead) {
	b := make([]byte, minAhead)
	for {
		if err := h.wait(); err != nil {
			a.cancel(err)
			a.end(err)
			h.put(nil, ErrUnread)
			return
		}
		n, err := a.readBody(b)
		h.put(b[:n], err)
		if err != nil {
			return
		}
	}
}
