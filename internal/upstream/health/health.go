// Package health keeps how a server and its models are doing, as calls and probes find
// them: one state machine under one mutex.
//
// A server is unhealthy once several calls in a row got no answer, and a model once it
// is unresponsive: a lost client may leave a model of Ollama hanging for good while
// api/tags answers. Both have a circuit breaker, whose probe decides when calls go
// there again. A model that failed a call lately, or that may be unresponsive, is
// degraded: other servers that have it are preferred, and that is all.
package health

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// Monitor watches one server. It is safe for use by many goroutines.
type Monitor struct {
	prober
	onReady func() // called without mu when the server may be given calls again

	mu      sync.Mutex
	circuit circuit
	models  map[string]*model
}

// maxModels bounds how many models are remembered that nobody uses.
const maxModels = 1024

// maxUnresponsive bounds how many models are: so many at once are the server itself.
const maxUnresponsive = 256

// New returns the monitor of a server that nothing is known of. Calls that no model
// works for have the limits quick, and the first byte of all others may take firstByte.
// OnReady is called when the server may be given calls again.
func New(server *ollama.Server, quick ollama.Limits, firstByte time.Duration, onReady func()) *Monitor {
	h := &Monitor{prober: prober{server, quick, firstByte}, onReady: onReady, models: map[string]*model{}}
	h.circuit = circuit{
		probe:     func() error { return h.Ping(context.Background()) },
		tripAfter: 3,
		patience:  50 * time.Millisecond,
		err:       ollama.ErrUnreachable,
	}
	return h
}

// Level is what speaks against giving a server a call for a model: the less, the better.
type Level int

// Levels of health.
const (
	Healthy Level = iota
	Degraded
	Unhealthy
)

// Level returns the level for a model, or that of the server alone for none. What is
// unhealthy it has probed, without waiting.
func (h *Monitor) Level(name string) Level {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.models[name]
	switch {
	case !h.readyLocked(&h.circuit), m != nil && !h.readyLocked(&m.circuit):
		return Unhealthy
	case m != nil && (time.Since(m.failed) < degradedFor || !m.suspect.IsZero()):
		return Degraded
	}
	return Healthy
}

func (h *Monitor) readyLocked(c *circuit) bool {
	state := c.state()
	if state == HalfOpen {
		h.probeLocked(c)
	}
	return state == Closed
}

// Admit returns nil when a call for the model, if it is for one, may go to the server,
// else ErrUnavailable or ctx's error. It may wait for a probe.
func (h *Monitor) Admit(ctx context.Context, name string) error {
	if err := h.pass(ctx, &h.circuit); err != nil {
		return err
	}
	h.mu.Lock()
	m := h.models[name]
	h.mu.Unlock()
	if m == nil {
		return nil
	}
	return h.pass(ctx, &m.circuit)
}

func (h *Monitor) pass(ctx context.Context, c *circuit) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.state() == HalfOpen {
		verdict := h.probeLocked(c)
		h.mu.Unlock()
		err := waitFor(ctx, verdict, c.patience)
		h.mu.Lock()
		if err != nil {
			return err
		}
	}
	return c.refusal()
}

// AdmitAny returns nil as soon as one of the servers admits a call for the model, else the
// refusal that ends soonest. It asks all of them at once.
func AdmitAny(ctx context.Context, name string, unhealthy []*Monitor) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	verdicts := make(chan error, len(unhealthy))
	for _, h := range unhealthy {
		go func() { verdicts <- h.Admit(ctx, name) }()
	}
	var soonest *ollama.Error
	for range unhealthy {
		err := <-verdicts
		var refusal *ollama.Error
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &refusal):
			return err
		case soonest == nil || refusal.RetryAfter < soonest.RetryAfter:
			soonest = refusal
		}
	}
	return soonest
}

// waitFor waits until done is closed or patience ends. It fails only when ctx ends.
func waitFor(ctx context.Context, done <-chan struct{}, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// probeLocked returns what is closed when the running probe has ended, and starts one
// if none runs.
func (h *Monitor) probeLocked(c *circuit) <-chan struct{} {
	if c.probing == nil {
		c.probing = make(chan struct{})
		go h.runProbe(c)
	}
	return c.probing
}

func (h *Monitor) runProbe(c *circuit) {
	err := c.probe()
	if err == nil {
		h.change(c.succeed)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	close(c.probing)
	c.probing = nil
	if err != nil {
		c.probeFailed()
	}
}

// change calls by with mu held, and then onReady if by reports that calls go through
// again.
func (h *Monitor) change(by func() (ready bool)) {
	h.mu.Lock()
	ready := by()
	h.mu.Unlock()
	if ready {
		h.onReady()
	}
}

// trip notes that the server itself was found dead.
func (h *Monitor) trip() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.circuit.trip()
}

// unresponsiveLocked notes that a model did not answer in time, and has it probed.
func (h *Monitor) unresponsiveLocked(m *model, q Question) {
	if m.circuit.state() == Closed && len(h.unresponsiveModelsLocked()) >= maxUnresponsive {
		h.circuit.fail()
		return
	}
	m.stopAsking()
	m.question = q
	m.circuit.fail()
	h.readyLocked(&m.circuit)
}

// unresponsiveModelsLocked returns the names of the models that do not answer in time.
func (h *Monitor) unresponsiveModelsLocked() (names []string) {
	for name, m := range h.models {
		if m.circuit.state() != Closed {
			names = append(names, name)
		}
	}
	return names
}

// Note remembers whether a call for the model went wrong: then the next had better go to
// another server. Calls that are refused say nothing about that.
func (h *Monitor) Note(name string, a *ollama.Answer, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch m := h.modelLocked(name); {
	case isFault(err), err == nil && a.Status >= http.StatusInternalServerError:
		m.failed = time.Now()
	case err == nil && a.Status == http.StatusOK:
		m.failed = time.Time{}
	}
}

// modelLocked returns what is known of a model. It forgets models that nobody uses when
// there are too many.
func (h *Monitor) modelLocked(name string) *model {
	m := h.models[name]
	if m == nil {
		if len(h.models) >= maxModels {
			maps.DeleteFunc(h.models, func(_ string, m *model) bool { return m.forgettable() })
		}
		m = newModel(h)
		h.models[name] = m
	}
	return m
}

// State returns the state of the server's circuit breaker.
func (h *Monitor) State() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.circuit.state()
}

// Refusal returns the error of calls that come now, nil if the server is healthy.
func (h *Monitor) Refusal() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.circuit.refusal()
}

// Unresponsive returns the models that do not answer in time, or when they are asked.
func (h *Monitor) Unresponsive() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	names := h.unresponsiveModelsLocked()
	for name, m := range h.models {
		if !m.suspect.IsZero() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// isFault reports whether err says something about the server, as a caller's end does not.
func isFault(err error) bool {
	var fault *ollama.Error
	return errors.As(err, &fault)
}

func timedOut(err error) bool {
	var fault *ollama.Error
	return errors.As(err, &fault) && fault.TimedOut
}
