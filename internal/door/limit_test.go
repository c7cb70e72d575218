package door

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/store"
)

// TestAFrozenDatabaseIsAskedOnce for all of a user's calls that come meanwhile: they need not wait one after the other to
// be told, nor longer than they like.
func TestAFrozenDatabaseIsAskedOnce(t *testing.T) {
	frozen, asked := make(chan struct{}), atomic.Int32{}
	l := NewLimiter(60)
	l.Shared = func(context.Context, uuid.UUID, int, int) (float64, bool, error) {
		asked.Add(1)
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
	for asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond) // for the other four
	leaving, leave := context.WithCancel(t.Context())
	leave()
	if err := l.take(leaving, c, http.Header{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that is gone: %v", err)
	}
	close(frozen)
	calls.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestWhatIsLeftOfTheSharedLimitRefills in what the caller is told, without asking again.
func TestWhatIsLeftOfTheSharedLimitRefills(t *testing.T) {
	l := NewLimiter(6000) // 100 a second
	l.Shared = func(context.Context, uuid.UUID, int, int) (float64, bool, error) { return 0, false, nil }
	c := &caller.Caller{UserID: uuid.New()}
	if err := l.take(t.Context(), c, http.Header{}); err == nil {
		t.Error("let through")
	}
	time.Sleep(100 * time.Millisecond)
	if got := l.StateOf(c).GetRemaining(); got < 10 || got > 1000 {
		t.Errorf("%d remain 100 ms later", got)
	}
}
