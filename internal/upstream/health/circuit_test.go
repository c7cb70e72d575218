package health

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

var errDead = errors.New("dead")

// target is what the probes of a server find.
type target struct {
	probes int
	ready  int // so many times its health said so
	takes  time.Duration
	err    error
}

func (p *target) monitor() *Monitor {
	h := New(nil, ollama.Limits{}, 0, func() { p.ready++ })
	h.circuit.probe = func() error {
		p.probes++
		time.Sleep(p.takes)
		return p.err
	}
	return h
}

// finish reports the end of a call that no model works for.
func (h *Monitor) finish(err error) { h.Begin(Question{}, false).End(nil, err) }

func trip(h *Monitor) {
	for range h.circuit.tripAfter {
		h.finish(ollama.ErrUnreachable)
	}
}

func TestCircuit_ScatteredFailures(t *testing.T) {
	p := target{err: errDead}
	h := p.monitor()
	for range 10 {
		h.finish(ollama.ErrUnreachable)
		h.finish(ollama.ErrUnreachable)
		h.finish(nil)
	}
	if err := h.Admit(t.Context(), ""); err != nil || h.State() != Closed || p.probes != 0 {
		t.Errorf("admit: %v, %v after %d probes, want closed", err, h.State(), p.probes)
	}
}

func TestCircuit_AdmitsTheCallThatFindsTheServerAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := target{takes: time.Millisecond}
		h := p.monitor()
		trip(h)
		if h.State() != HalfOpen {
			t.Errorf("%v after %d failures, want half-open", h.State(), h.circuit.tripAfter)
		}
		if err := h.Admit(t.Context(), ""); err != nil || h.State() != Closed || p.ready != 1 {
			t.Errorf("admit: %v, %v, want closed, told %d times", err, h.State(), p.ready)
		}
	})
}

func TestCircuit_ProbesLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := target{err: errDead}
		h := p.monitor()
		trip(h)
		for i, seconds := range []int{1, 2, 4, 8, 10, 10} {
			wait := time.Duration(seconds) * time.Second
			err := h.Admit(t.Context(), "")
			wantRefusal(t, err, wait)
			time.Sleep(wait - time.Millisecond)
			wantRefusal(t, h.Admit(t.Context(), ""), time.Second)
			if p.probes != i+1 || h.State() != Open {
				t.Errorf("%d probes, %v, want %d, open", p.probes, h.State(), i+1)
			}
			time.Sleep(time.Millisecond)
		}
		h.finish(ollama.ErrUnreachable) // calls under way when the breaker opened must not shorten the wait
		p.err = nil
		if err := h.Admit(t.Context(), ""); err != nil {
			t.Errorf("admit: %v once the upstream is back", err)
		}
	})
}

func wantRefusal(t *testing.T, err error, after time.Duration) {
	t.Helper()
	var e *ollama.Error
	if !errors.As(err, &e) || !errors.Is(e, ollama.ErrUnavailable) || e.RetryAfter != after {
		t.Errorf("%v, retry after %v, want ErrUnavailable, %v", err, e.RetryAfter, after)
	}
}

func TestCircuit_NeverHoldsACallForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := target{takes: 2 * time.Second, err: errDead}
		h := p.monitor()
		trip(h)
		for range 20 {
			begun := time.Now()
			if err := h.Admit(t.Context(), ""); err == nil {
				t.Error("admitted to a dead upstream")
			}
			if took := time.Since(begun); took > 50*time.Millisecond {
				t.Errorf("a refusal took %v", took)
			}
		}
		time.Sleep(time.Second) // the probe fails meanwhile
		synctest.Wait()
		if p.probes != 1 {
			t.Errorf("%d probes at once, want 1", p.probes)
		}
	})
}

func TestAdmitAny_SeveralDeadServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes = 2 * time.Second
		var servers []*Monitor
		for range 5 {
			p := target{takes: takes, err: errDead}
			h := p.monitor()
			trip(h)
			servers = append(servers, h)
		}
		begun := time.Now()
		wantRefusal(t, AdmitAny(t.Context(), "m", servers), time.Second)
		if took := time.Since(begun); took != 50*time.Millisecond {
			t.Errorf("a refusal took %v", took)
		}
		time.Sleep(takes)
	})
}

func TestCircuit_CallsWaitForOneProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := target{takes: 20 * time.Millisecond}
		h := p.monitor()
		trip(h)
		var calls sync.WaitGroup
		for range 100 {
			calls.Go(func() {
				if err := h.Admit(t.Context(), ""); err != nil {
					t.Errorf("admit: %v", err)
				}
			})
		}
		calls.Wait()
		if p.probes != 1 {
			t.Errorf("%d probes, want 1", p.probes)
		}
	})
}

func TestCircuit_CancelledCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := target{takes: time.Second}
		h := p.monitor()
		trip(h)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := h.Admit(ctx, ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want context.DeadlineExceeded", err)
		}
		time.Sleep(time.Second)
	})
}

// So many unresponsive models at once are the server itself.
func TestMonitor_ManyUnresponsiveModels(t *testing.T) {
	h := New(nil, ollama.Limits{}, time.Minute, func() {})
	h.mu.Lock()
	for i := range maxUnresponsive {
		h.modelLocked(fmt.Sprint(i)).circuit.fail()
	}
	h.mu.Unlock()
	timeout := ollama.ErrTimeout.WithCause(errDead)
	timeout.TimedOut = true
	for range h.circuit.tripAfter {
		if h.State() != Closed {
			t.Error("open too early")
		}
		h.Begin(Question{Model: "another"}, false).End(nil, timeout)
	}
	if h.State() == Closed || len(h.Unresponsive()) != maxUnresponsive {
		t.Errorf("%v, %d unresponsive models", h.State(), len(h.Unresponsive()))
	}
}
