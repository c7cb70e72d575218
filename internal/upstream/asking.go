package upstream

import (
	"context"
	"slices"
	"time"
)

// A model that hangs and one that reads a long prompt, is being loaded or writes a
// tool call look the same: nothing comes. So nothing is concluded from that, but the
// model is asked for one token as long as a call waits for its first byte and no other
// call is being answered. A model that answers is alive. One that does not, and is not
// seen to work, is suspect: other servers are preferred that have it, and that is all,
// for with one slot a long prompt keeps such a question waiting as well. Only when it
// does not answer while no call is there any more that would suffer, or has been suspect
// for as long as a call may wait, the model is treated like one that let a call time out.

// askAfter is how long a call waits, and at most a quarter of the time that it may,
// before its model is asked, and then until the next time. Whole answers take
// wholeFactor times as long.
const askAfter = 30 * time.Second

// asking is a question to a model.
type asking struct{ cancel context.CancelFunc }

// waiting is a call that waits for the first byte of its answer.
type waiting struct {
	server   *server
	question question
	whole    bool
	every    time.Duration

	// Guarded by the server's pulses.
	timer *time.Timer
	since time.Time // it was sent, or its model was last looked at
	over  bool
}

// await watches over a call that is sent now; end must follow.
func (s *server) await(q question, l limits) *waiting {
	w := &waiting{server: s, question: q, whole: l.whole, every: min(askAfter, s.model.FirstByte/4), since: time.Now()}
	if w.whole {
		w.every *= wholeFactor
	}
	s.pulses.change(q.model, func(m *pulse) {
		m.waiting++
		if w.whole {
			m.whole++
		}
		w.timer = time.AfterFunc(w.every, w.look)
	})
	return w
}

// end reports that the call has been answered or has left.
func (w *waiting) end() {
	w.server.pulses.change(w.question.model, func(m *pulse) {
		w.timer.Stop()
		w.over = true
		m.waiting--
		if w.whole {
			m.whole--
		}
		if m.idle() && !m.suspect.IsZero() {
			w.ask(m)
		}
	})
}

// look asks the model if it has shown no activity since the last look.
func (w *waiting) look() {
	w.server.pulses.change(w.question.model, func(m *pulse) {
		if w.over {
			return
		}
		w.timer.Reset(w.every)
		since := w.since
		w.since = time.Now()
		if !m.active(since, w.whole) && time.Since(m.asked) > w.every/2 {
			w.ask(m)
		}
	})
}

// ask asks the model unless that is being done. The mu of the pulses must be held.
func (w *waiting) ask(m *pulse) {
	if m.asking != nil || w.server.silences.doubted(w.question.model) {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	q := &asking{cancel}
	m.asking, m.asked = q, time.Now()
	go func() {
		defer cancel()
		silent := isSilent(w.server.question(ctx, w.question, min(probeWithin, w.server.model.FirstByte/4)))
		if silent && w.server.ping(ctx) != nil && ctx.Err() == nil {
			w.server.breaker.trip() // it is not the model
			silent = false
		}
		w.heard(q, silent) //nolint:contextcheck // another question has a context of its own
	}()
}

// heard notes whether the model kept silent about a question.
func (w *waiting) heard(q *asking, silent bool) {
	hangs := false
	w.server.pulses.change(w.question.model, func(m *pulse) {
		if m.asking != q { // it has been seen to work, or to hang
			return
		}
		m.asking = nil
		suspected := !m.suspect.IsZero()
		switch {
		case !silent || m.active(m.asked, w.whole):
			m.suspect = time.Time{}
			return
		case !suspected:
			m.suspect = time.Now()
		}
		hangs = suspected && (m.idle() || !w.whole && time.Since(m.suspect) >= w.server.model.FirstByte)
		if m.idle() && !hangs {
			w.ask(m)
		}
	})
	if hangs {
		w.server.wasSilent(w.question)
	}
}

// alive reports that a model has been seen to work.
func (p *pulses) alive(model string) {
	p.change(model, func(m *pulse) {
		m.suspect = time.Time{}
		m.stopAsking()
	})
}

func (m *pulse) stopAsking() {
	if m.asking != nil {
		m.asking.cancel()
		m.asking = nil
	}
}

// silent returns the models that do not answer in time, or when they are asked.
func (s *server) silent() []string {
	list := append(s.silences.models(), s.pulses.suspects()...)
	slices.Sort(list)
	return slices.Compact(list)
}
