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

const tripAfter = 3

var errDead = errors.New("dead")

// upstream is what the breaker's probe finds.
type upstream struct {
	probes int
	closed int // so many times its breaker said so
	takes  time.Duration
	err    error
}

func (u *upstream) breaker() *breaker {
	return &breaker{tripAfter: tripAfter, patience: 50 * time.Millisecond, err: ollama.ErrUnreachable, onClose: func() { u.closed++ }, probe: func() error {
		u.probes++
		time.Sleep(u.takes)
		return u.err
	}}
}

func trip(b *breaker) {
	for range tripAfter {
		b.failed()
	}
}

func TestBreakerStaysClosedOnScatteredFailures(t *testing.T) {
	u := upstream{err: errDead}
	b := u.breaker()
	for range 10 {
		b.failed()
		b.failed()
		b.succeeded()
	}
	if err := b.admit(t.Context()); err != nil || b.State() != Closed || u.probes != 0 {
		t.Errorf("admit: %v, %v after %d probes, want closed", err, b.State(), u.probes)
	}
}

func TestBreakerAdmitsTheCallThatFindsTheUpstreamAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := upstream{takes: time.Millisecond}
		b := u.breaker()
		trip(b)
		if b.State() != HalfOpen {
			t.Errorf("%v after %d failures, want half-open", b.State(), tripAfter)
		}
		if err := b.admit(t.Context()); err != nil || b.State() != Closed || u.closed != 1 {
			t.Errorf("admit: %v, %v, want closed, told %d times", err, b.State(), u.closed)
		}
	})
}

func TestBreakerProbesADeadUpstreamLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := upstream{err: errDead}
		b := u.breaker()
		trip(b)
		for i, seconds := range []int{1, 2, 4, 8, 10, 10} {
			wait := time.Duration(seconds) * time.Second
			err := b.admit(t.Context())
			wantRefusal(t, err, wait)
			time.Sleep(wait - time.Millisecond)
			wantRefusal(t, b.admit(t.Context()), time.Second)
			if u.probes != i+1 || b.State() != Open {
				t.Errorf("%d probes, %v, want %d, open", u.probes, b.State(), i+1)
			}
			time.Sleep(time.Millisecond)
		}
		b.failed() // calls under way when the breaker opened must not shorten the wait
		u.err = nil
		if err := b.admit(t.Context()); err != nil {
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

func TestBreakerNeverHoldsACallForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := upstream{takes: 2 * time.Second, err: errDead}
		b := u.breaker()
		trip(b)
		for range 20 {
			begun := time.Now()
			if err := b.admit(t.Context()); err == nil {
				t.Error("admitted to a dead upstream")
			}
			if took := time.Since(begun); took > 50*time.Millisecond {
				t.Errorf("a refusal took %v", took)
			}
		}
		time.Sleep(time.Second) // the probe fails meanwhile
		synctest.Wait()
		if u.probes != 1 {
			t.Errorf("%d probes at once, want 1", u.probes)
		}
	})
}

func TestSeveralDeadServersHoldACallNoLongerThanOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes = 2 * time.Second
		var servers []*server
		for range 5 {
			s := &server{breaker: breaker{tripAfter: tripAfter, patience: 50 * time.Millisecond, err: ollama.ErrUnreachable, probe: func() error {
				time.Sleep(takes)
				return errDead
			}}}
			trip(&s.breaker)
			servers = append(servers, s)
		}
		begun := time.Now()
		wantRefusal(t, recovered(t.Context(), "m", servers), time.Second)
		if took := time.Since(begun); took != 50*time.Millisecond {
			t.Errorf("a refusal took %v", took)
		}
		time.Sleep(takes)
	})
}

func TestBreakerLetsCallsWaitForOneProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := upstream{takes: 20 * time.Millisecond}
		b := u.breaker()
		trip(b)
		var calls sync.WaitGroup
		for range 100 {
			calls.Go(func() {
				if err := b.admit(t.Context()); err != nil {
					t.Errorf("admit: %v", err)
				}
			})
		}
		calls.Wait()
		if u.probes != 1 {
			t.Errorf("%d probes, want 1", u.probes)
		}
	})
}

func TestBreakerGivesACancelledCallItsOwnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := upstream{takes: time.Second}
		b := u.breaker()
		trip(b)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := b.admit(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want context.DeadlineExceeded", err)
		}
		time.Sleep(time.Second)
	})
}
