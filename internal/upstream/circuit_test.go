package upstream

import (
	"context"
	"errors"
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

func (p *target) health() *health {
	h := newHealth(prober{}, func() { p.ready++ })
	h.circuit.probe = func() error {
		p.probes++
		time.Sleep(p.takes)
		return p.err
	}
	return h
}

// finish reports the end of a call that no model works for.
func (h *health) finish(err error) { h.begin(question{}, false).end(nil, err) }

func trip(h *health) {
	for range h.circuit.tripAfter {
		h.finish(ollama.ErrUnreachable)
	}
}

func TestCircuit_ScatteredFailures(t *testing.T) {
	p := target{err: errDead}
	h := p.health()
	for range 10 {
		h.finish(ollama.ErrUnreachable)
		h.finish(ollama.ErrUnreachable)
		h.finish(nil)
	}
	if err := h.admit(t.Context(), ""); err != nil || h.state() != Closed || p.probes != 0 {
		t.Errorf("admit: %v, %v after %d probes, want closed", err, h.state(), p.probes)
	}
}

func TestCircuit_AdmitsTheCallThatFindsTheServerAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := target{takes: time.Millisecond}
		h := p.health()
		trip(h)
		if h.state() != HalfOpen {
			t.Errorf("%v after %d failures, want half-open", h.state(), h.circuit.tripAfter)
		}
		if err := h.admit(t.Context(), ""); err != nil || h.state() != Closed || p.ready != 1 {
			t.Errorf("admit: %v, %v, want closed, told %d times", err, h.state(), p.ready)
		}
	})
}

func TestCircuit_ProbesLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := target{err: errDead}
		h := p.health()
		trip(h)
		for i, seconds := range []int{1, 2, 4, 8, 10, 10} {
			wait := time.Duration(seconds) * time.Second
			err := h.admit(t.Context(), "")
			wantRefusal(t, err, wait)
			time.Sleep(wait - time.Millisecond)
			wantRefusal(t, h.admit(t.Context(), ""), time.Second)
			if p.probes != i+1 || h.state() != Open {
				t.Errorf("%d probes, %v, want %d, open", p.probes, h.state(), i+1)
			}
			time.Sleep(time.Millisecond)
		}
		h.finish(ollama.ErrUnreachable) // calls under way when the breaker opened must not shorten the wait
		p.err = nil
		if err := h.admit(t.Context(), ""); err != nil {
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
		h := p.health()
		trip(h)
		for range 20 {
			begun := time.Now()
			if err := h.admit(t.Context(), ""); err == nil {
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

func TestRecovered_SeveralDeadServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes = 2 * time.Second
		var servers []*server
		for range 5 {
			p := target{takes: takes, err: errDead}
			h := p.health()
			trip(h)
			servers = append(servers, &server{health: h})
		}
		begun := time.Now()
		wantRefusal(t, recovered(t.Context(), "m", servers), time.Second)
		if took := time.Since(begun); took != 50*time.Millisecond {
			t.Errorf("a refusal took %v", took)
		}
		time.Sleep(takes)
	})
}

func TestCircuit_CallsWaitForOneProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := target{takes: 20 * time.Millisecond}
		h := p.health()
		trip(h)
		var calls sync.WaitGroup
		for range 100 {
			calls.Go(func() {
				if err := h.admit(t.Context(), ""); err != nil {
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
		h := p.health()
		trip(h)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := h.admit(ctx, ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want context.DeadlineExceeded", err)
		}
		time.Sleep(time.Second)
	})
}
