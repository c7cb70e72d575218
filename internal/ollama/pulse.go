package ollama

import (
	"sync"
	"time"
)

// pulses tell which models of a server are at work, and which failed: a call that waits behind
// others in Ollama's own queue may wait for long without anything being wrong.
type pulses struct {
	mu      sync.Mutex
	byModel map[string]*pulse
}

type pulse struct {
	open   int       // answers that have begun and not ended
	last   time.Time // when one began or ended
	failed time.Time // when a call last failed; zero once another has not
}

// ailsFor is how long a failure counts.
const ailsFor = 10 * time.Second

// maxPulses bounds how many models are remembered that nobody uses.
const maxPulses = 1024

// began and ended report of an answer of the model's.
func (p *pulses) began(model string) { p.beat(model, +1) }

func (p *pulses) ended(model string) { p.beat(model, -1) }

func (p *pulses) beat(model string, by int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.of(model)
	m.open, m.last = max(m.open+by, 0), time.Now()
}

// failed and worked report how a call for the model went.
func (p *pulses) failed(model string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of(model).failed = time.Now()
}

func (p *pulses) worked(model string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of(model).failed = time.Time{}
}

// failedLately tells whether the last call for the model failed, not long ago.
func (p *pulses) failedLately(model string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.byModel[model]
	return m != nil && time.Since(m.failed) < ailsFor
}

// of wants p.mu held.
func (p *pulses) of(model string) *pulse {
	if p.byModel == nil || len(p.byModel) > maxPulses && p.byModel[model] == nil {
		p.byModel = map[string]*pulse{}
	}
	m := p.byModel[model]
	if m == nil {
		m = &pulse{}
		p.byModel[model] = m
	}
	return m
}

// since tells whether the model has been at work at any time since then.
func (p *pulses) since(model string, then time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.byModel[model]
	return m != nil && (m.open > 0 || m.last.After(then))
}
