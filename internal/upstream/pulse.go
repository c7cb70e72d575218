package upstream

import (
	"maps"
	"sync"
	"time"
)

// pulses tell which models of a server are at work, and which failed: a call
// that waits behind others in Ollama's own queue may wait for long without
// anything being wrong. Only answers with status 200 count as work: any other may
// be Ollama's own word, whatever its model does.
type pulses struct {
	mu      sync.Mutex
	byModel map[string]*pulse
}

type pulse struct {
	open    int       // answers that have begun and not ended
	waiting int       // calls whose answers have not begun
	whole   int       // of these, the ones whose answers will begin when they are done
	last    time.Time // when an answer began or ended
	failed  time.Time // when a call last failed; zero once another has not

	asked   time.Time // when the model was last asked whether it is alive
	asking  *asking   // that question; nil when there is no answer to wait for
	suspect time.Time // since when it answers none, nor shows any activity; else zero
}

// active reports whether a call that waits since then says nothing about the model:
// see excuse.
func (m *pulse) active(then time.Time, whole bool) bool {
	return m.open > 0 || m.last.After(then) || m.whole > 0 && !whole
}

// idle reports whether no call is at work or waits at the model.
func (m *pulse) idle() bool { return m.open == 0 && m.waiting == 0 }

// ailsFor is how long a failure counts.
const ailsFor = 10 * time.Second

// maxPulses bounds how many models are remembered that nobody uses.
const maxPulses = 1024

// began and ended report of an answer of the model's.
func (p *pulses) began(model string) {
	p.change(model, func(m *pulse) { m.open, m.last = m.open+1, time.Now() })
}

func (p *pulses) ended(model string) {
	p.change(model, func(m *pulse) { m.open, m.last = m.open-1, time.Now() })
}

// failed and worked report how a call for the model went.
func (p *pulses) failed(model string) { p.change(model, func(m *pulse) { m.failed = time.Now() }) }

func (p *pulses) worked(model string) { p.change(model, func(m *pulse) { m.failed = time.Time{} }) }

// change forgets models that nobody uses when there are too many, and at once
// those of which nothing is known.
func (p *pulses) change(model string, by func(*pulse)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.byModel[model]
	if m == nil {
		if len(p.byModel) >= maxPulses {
			maps.DeleteFunc(p.byModel, func(_ string, m *pulse) bool { return m.idle() && m.asking == nil })
		}
		if p.byModel == nil {
			p.byModel = map[string]*pulse{}
		}
		m = &pulse{}
		p.byModel[model] = m
	}
	if by(m); *m == (pulse{}) {
		delete(p.byModel, model)
	}
}

// excuse tells whether it says nothing about the model that a call sent then has
// not been answered: it has been at work since, or may be at work on a whole
// answer. That does not excuse other whole answers, or those of a model that
// hangs would excuse each other.
func (p *pulses) excuse(model string, then time.Time, whole bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.byModel[model]
	return m != nil && m.active(then, whole)
}

// ails reports whether the last call for the model failed not long ago, or the model
// is suspect.
func (p *pulses) ails(model string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.byModel[model]
	return m != nil && (time.Since(m.failed) < ailsFor || !m.suspect.IsZero())
}

// suspects returns the names of the models that are suspect.
func (p *pulses) suspects() (models []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for model, m := range p.byModel {
		if !m.suspect.IsZero() {
			models = append(models, model)
		}
	}
	return models
}
