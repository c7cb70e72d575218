package upstream

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

// askAfter is how long a call waits, and at most a quarter of the time that it may,
// before its model is asked, and then until the next time. Whole answers take
// wholeFactor times as long.
const askAfter = 30 * time.Second

// degradedFor is how long a failed call counts.
const degradedFor = 10 * time.Second

// model is what is known of a model at a server. A call that waits behind others in
// Ollama's own queue may wait for long without anything being wrong. Only answers with
// status 200 count as activity: any other may be Ollama's own word, whatever its model
// does. The mutex of its health guards it.
type model struct {
	open    int       // answers that have begun and not ended
	waiting int       // calls whose answers have not begun
	whole   int       // of these, the ones whose answers will begin when they are done
	last    time.Time // when an answer began or ended
	failed  time.Time // when a call last failed; zero once another has not

	asked   time.Time          // when the model was last asked whether it is alive
	asking  context.CancelFunc // ends that question; nil when there is no answer to wait for
	suspect time.Time          // since when it answers none, nor shows any activity; else zero

	circuit  circuit
	question question // of its probes
	recovery          // used by one probe at a time
}

func newModel(h *health) *model {
	m := &model{}
	m.within = min(probeWithin, h.firstByte)
	m.circuit = circuit{
		probe:     func() error { return h.probeModel(m) },
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

// began and ended note an answer of the model's.
func (h *health) began(name string) { h.opened(name, +1) }
func (h *health) ended(name string) { h.opened(name, -1) }

func (h *health) opened(name string, by int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.modelLocked(name)
	m.open, m.last = m.open+by, time.Now()
}

// call is a call that waits for the first byte of its answer.
type call struct {
	health   *health
	model    *model // nil: no model works for it
	question question
	whole    bool
	sent     time.Time
	every    time.Duration

	// Guarded by the mutex of health.
	timer *time.Timer
	since time.Time // it was sent, or its model was last looked at
	over  bool
}

// begin watches over a call that is sent now; the caller must call end.
func (h *health) begin(q question, whole bool) *call {
	c := &call{health: h, question: q, whole: whole, sent: time.Now(), every: min(askAfter, h.firstByte/4)}
	c.since = c.sent
	if q.model == "" {
		return c
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c.model = h.modelLocked(q.model)
	c.count(+1)
	if whole {
		c.every *= wholeFactor
	}
	c.timer = time.AfterFunc(c.every, c.look)
	return c
}

// count counts the call among those that wait. The mutex of health must be held, as for
// all below whose names end in Locked.
func (c *call) count(by int) {
	c.model.waiting += by
	if c.whole {
		c.model.whole += by
	}
}

// end notes that the call has been answered or has left.
func (c *call) end(a *ollama.Answer, err error) {
	c.health.change(func() (ready bool) {
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
func (c *call) reportLocked(a *ollama.Answer, err error) (ready bool) {
	switch {
	case timedOut(err) && c.model.active(c.sent, c.whole): // busy with others
		return false
	case timedOut(err):
		c.health.unresponsiveLocked(c.model, c.question)
		return false
	}
	ready = c.reportServerLocked(err)
	if err == nil && a.Status == http.StatusOK {
		ready = c.model.circuit.succeed() || ready
		c.model.alive()
	}
	return ready
}

func (c *call) reportServerLocked(err error) (ready bool) {
	switch {
	case err == nil:
		return c.health.circuit.succeed()
	case isFault(err):
		c.health.circuit.fail()
	}
	return false
}

// look asks the model if it has shown no activity since the last look.
func (c *call) look() {
	c.health.mu.Lock()
	defer c.health.mu.Unlock()
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
func (c *call) askLocked() {
	m := c.model
	if m.asking != nil || m.circuit.state() != Closed {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.asking, m.asked = cancel, time.Now()
	go func() {
		defer cancel()
		silent := timedOut(c.health.ask(ctx, c.question, min(probeWithin, c.health.firstByte/4)))
		if silent && c.health.ping(ctx) != nil && ctx.Err() == nil {
			c.health.trip() // it is not the model
			silent = false
		}
		c.health.mu.Lock()
		defer c.health.mu.Unlock()
		if ctx.Err() == nil { // else the model has been seen to work, or to hang
			m.asking = nil
			c.heardLocked(silent)
		}
	}()
}

// heardLocked notes whether the model kept silent about a question.
func (c *call) heardLocked(silent bool) {
	m, h := c.model, c.health
	switch suspected := !m.suspect.IsZero(); {
	case !silent || m.active(m.asked, c.whole):
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
