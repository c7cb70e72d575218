package door

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/store"
)

// TestLimiter_DatabaseHangs: all of a user's calls that come meanwhile share one query, and may leave earlier.
func TestLimiter_DatabaseHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		frozen, asked := make(chan struct{}), 0
		l := NewLimiter(60)
		l.Shared = func(context.Context, uuid.UUID, int, int) (float64, bool, error) {
			asked++
			<-frozen
			return 0, false, store.ErrAway
		}
		c := &caller.Caller{UserID: uuid.New()}
		var calls sync.WaitGroup
		for range 5 {
			calls.Go(func() {
				if err := l.take(t.Context(), c, http.Header{}); !errors.Is(err, store.ErrAway) {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // until all five wait
		leaving, leave := context.WithCancel(t.Context())
		leave()
		if err := l.take(leaving, c, http.Header{}); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled call: %v", err)
		}
		close(frozen)
		calls.Wait()
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
	})
}

// TestLimiter_SharedPanics: later calls of the user are not held up.
func TestLimiter_SharedPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(60)
		l.Shared = func(context.Context, uuid.UUID, int, int) (float64, bool, error) { panic("a bug") }
		c := &caller.Caller{UserID: uuid.New()}
		for range 2 {
			func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				_ = l.take(t.Context(), c, http.Header{})
			}()
		}
	})
}

// TestLimiter_SharedRefills: the remaining requests that the caller sees grow without another query.
func TestLimiter_SharedRefills(t *testing.T) {
	l := NewLimiter(6000) // 100 a second
	l.Shared = func(context.Context, uuid.UUID, int, int) (float64, bool, error) { return 0, false, nil }
	c := &caller.Caller{UserID: uuid.New()}
	if err := l.take(t.Context(), c, http.Header{}); err == nil {
		t.Error("no error")
	}
	b := l.buckets[c.UserID]
	if got := b.state(b.asked.Add(100 * time.Millisecond)).GetRemaining(); got != 10 {
		t.Errorf("%d remain 100 ms later", got)
	}
}
