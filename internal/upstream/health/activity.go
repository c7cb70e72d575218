package health

import (
	"context"
	"net/http"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// A model that hangs and one that reads a long prompt, is being loaded or writes a
// tool call look the same: nothing comes. So nothing is concluded from that, but the
// model is asked for one token as long as a call waits for its first byte and no other
// call is being answered. A model that answers is alive. One that does not, and is not
// seen to work, is suspect: for with one slot a long prompt keeps such a question
// waiting as well. Only when it does not answer while no call is there any more that
// would suffer, or has been suspect for as long as a call may wait, it is unresponsive,
// like one that let a call time out.

// WholeFactor is how much longer an answer that comes whole may take to begin than one
// that streams. It makes an hour of the ten minutes that a first token may take by
// default: some 32,000 tokens, as much as clients ask for at once, at 10 a second. More
// would only keep calls waiting for a model that hangs.
const WholeFactor = 6

// askAfter is how long a call waits, and at most a quarter of the time that it may,
// before its model is asked, and then until the next time. Whole answers take
// WholeFactor times as long.
const askAfter = 30 * time.Second

// degradedFor is how long a failed call counts.
const degradedFor = 10 * time.Second

// model is what is known of a model at a server. A call that waits behind others in
// Ollama's own queue may wait for long without anything being wrong. Only answers with
// status 200 count as activity: any other may be Ollama's own word, whatever its model
// does. The mutex of its monitor guards it.
type model struct {
	monitor *Monitor

	open    int       // answers that have begun and not ended
	waiting int       // calls whose answers have not begun
	whole   int       // of these, the ones whose answers will begin when they are done
	last    time.Time // when an answer began or ended
	failed  time.Time // when a call last failed; zero once another has not

	asked   time.Time          // when the model was last asked whether it is alive
	asking  context.CancelFunc // ends that question; nil when there is no answer to wait for
	suspect time.Time          // since when it answers none, nor shows any activity; else zero

	circuit  circuit
	question Question // of its probes
	recovery          // used by one probe at a time
}

func newModel(h *Monitor) *model {
	m := &model{monitor: h}
	m.within = min(probeWithin, h.firstByte)
	m.circuit = circuit{
		probe:     m.probe,
		tripAfter: 1,
		patience:  m.within,
		err:       ollama.ErrTimeout,
		onClose:   m.alive,
	}
	return m
}

// active reports whether it says nothing about the model that a call sent then has not
// been answered: it has been at work since, or may be at work on a whole answer. That
// does not excuse other whole answers, or those of a model that hangs would excuse each
// other.
func (m *model) active(then time.Time, whole bool) bool {
	return m.open > 0 || m.last.After(then) || m.whole > 0 && !whole
}

// idle reports whether no call is at work or waits at the model.
func (m *model) idle() bool { return m.open == 0 && m.waiting == 0 }

func (m *model) forgettable() bool {
	return m.idle() && m.asking == nil && m.circuit.probing == nil && m.circuit.state() == Closed
}

// alive notes that the model has been seen to work.
func (m *model) alive() {
	m.suspect = time.Time{}
	m.stopAsking()
}

func (m *model) stopAsking() {
	if m.asking != nil {
		m.asking()
		m.asking = nil
	}
}

// Began notes that an answer of the model's has begun; the caller must call Ended.
func (h *Monitor) Began(name string) { h.opened(name, +1) }

// Ended notes that an answer has ended; see Began.
func (h *Monitor) Ended(name string) { h.opened(name, -1) }

func (h *Monitor) opened(name string, by int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.modelLocked(name)
	m.open, m.last = m.open+by, time.Now()
}

// Call is a call that waits for the first byte of its answer.
type Call struct {
	monitor  *Monitor
	model    *model // nil: no model works for it
	question Question
	whole    bool
	sent     time.Time
	every    time.Duration

	// Guarded by the mutex of the monitor.
	timer *time.Timer
	since time.Time // it was sent, or its model was last looked at
	over  bool
}

// Begin watches over a call that is sent now; the caller must call End. A question without
// a model is of a call that no model works for.
func (h *Monitor) Begin(q Question, whole bool) *Call {
	c := &Call{monitor: h, question: q, whole: whole, sent: time.Now(), every: min(askAfter, h.firstByte/4)}
	c.since = c.sent
	if q.Model == "" {
		return c
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c.model = h.modelLocked(q.Model)
	c.count(+1)
	if whole {
		c.every *= WholeFactor
	}
	c.timer = time.AfterFunc(c.every, c.look)
	return c
}

// count counts the call among those that wait. The mutex of the monitor must be held, as for
// all below whose names end in Locked.
func (c *Call) count(by int) {
	c.model.waiting += by
	if c.whole {
		c.model.whole += by
	}
}

// End notes that the call has been answered or has left.
func (c *Call) End(a *ollama.Answer, err error) {
	c.monitor.change(func() (ready bool) {
		if c.model == nil {
			return c.reportServerLocked(err)
		}
		c.timer.Stop()
		c.over = true
		c.count(-1)
		ready = c.reportLocked(a, err)
		if c.model.idle() && !c.model.suspect.IsZero() {
			c.askLocked()
		}
		return ready
	})
}

// reportLocked reports whether calls go through again.
func (c *Call) reportLocked(a *ollama.Answer, err error) (ready bool) {
	switch {
	case timedOut(err) && c.model.active(c.sent, c.whole): // busy with others
		return false
	case timedOut(err):
		c.monitor.unresponsiveLocked(c.model, c.question)
		return false
	}
	ready = c.reportServerLocked(err)
	if err == nil && a.Status == http.StatusOK {
		ready = c.model.circuit.succeed() || ready
		c.model.alive()
	}
	return ready
}

func (c *Call) reportServerLocked(err error) (ready bool) {
	switch {
	case err == nil:
		return c.monitor.circuit.succeed()
	case isFault(err):
		c.monitor.circuit.fail()
	}
	return false
}

// look asks the model if it has shown no activity since the last look.
func (c *Call) look() {
	c.monitor.mu.Lock()
	defer c.monitor.mu.Unlock()
	if c.over {
		return
	}
	c.timer.Reset(c.every)
	since := c.since
	c.since = time.Now()
	if !c.model.active(since, c.whole) && time.Since(c.model.asked) > c.every/2 {
		c.askLocked()
	}
}

// askLocked asks the model unless that is being done.
func (c *Call) askLocked() {
	m := c.model
	if m.asking != nil || m.circuit.state() != Closed {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.asking, m.asked = cancel, time.Now()
	go func() {
		defer cancel()
		unanswered := timedOut(c.monitor.ask(ctx, c.question, min(probeWithin, c.monitor.firstByte/4)))
		if unanswered && c.monitor.Ping(ctx) != nil && ctx.Err() == nil {
			c.monitor.trip() // it is not the model
			unanswered = false
		}
		c.monitor.mu.Lock()
		defer c.monitor.mu.Unlock()
		if ctx.Err() == nil { // else the model has been seen to work, or to hang
			m.asking = nil
			c.heardLocked(unanswered) //nolint:contextcheck // another question has a context of its own
		}
	}()
}

// heardLocked notes whether the model left a question unanswered.
func (c *Call) heardLocked(unanswered bool) {
	m, h := c.model, c.monitor
	switch suspected := !m.suspect.IsZero(); {
	case !unanswered || m.active(m.asked, c.whole):
		m.suspect = time.Time{}
		return
	case !suspected:
		m.suspect = time.Now()
	case m.idle(), !c.whole && time.Since(m.suspect) >= h.firstByte:
		h.unresponsiveLocked(m, c.question)
		return
	}
	if m.idle() {
		c.askLocked()
	}
}
