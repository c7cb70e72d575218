package auth

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/store"
)

const (
	// usePrecision is how old a last-used time may be before it is written anew, or how far ahead of a clock that was set back.
	usePrecision = time.Minute
	// useDelay is how long uses are gathered into one write.
	useDelay = time.Second
	// usesGathered bounds the memory between two writes; uses beyond it are dropped.
	usesGathered = 10_000
)

// touch records when credentials and sessions were last used, off the request path: many uses share one write, and a killed
// process loses the last second of them.
type touch struct {
	store       *store.Store
	log         *audit.Log
	mu          sync.Mutex
	credentials map[uuid.UUID]struct{}
	sessions    map[uuid.UUID]struct{}
	wake        chan struct{}
}

func newTouch(s *store.Store, log *audit.Log) *touch {
	return &touch{
		store:       s,
		log:         log,
		credentials: map[uuid.UUID]struct{}{},
		sessions:    map[uuid.UUID]struct{}{},
		wake:        make(chan struct{}, 1),
	}
}

// credential notes a use; last, when the one before was, is nil if there was none.
func (t *touch) credential(id uuid.UUID, last *time.Time, now time.Time) {
	if last == nil || now.Sub(*last).Abs() >= usePrecision {
		t.use(t.credentials, id)
	}
}

func (t *touch) session(id uuid.UUID, last, now time.Time) {
	if now.Sub(last).Abs() >= usePrecision {
		t.use(t.sessions, id)
	}
}

func (t *touch) use(uses map[uuid.UUID]struct{}, id uuid.UUID) {
	t.mu.Lock()
	if len(uses) < usesGathered {
		uses[id] = struct{}{}
	}
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// run writes until ctx ends, and then what is left.
func (t *touch) run(ctx context.Context) {
	for {
		select {
		case <-t.wake:
			select {
			case <-time.After(useDelay):
			case <-ctx.Done():
			}
		case <-ctx.Done():
			t.write(context.WithoutCancel(ctx))
			return
		}
		t.write(context.WithoutCancel(ctx))
	}
}

func (t *touch) write(ctx context.Context) {
	credentials, sessions := t.take()
	if len(credentials)+len(sessions) == 0 {
		return
	}
	err := t.log.Unaudited(ctx, "last used", func(ctx context.Context, tx *db.Tx) error {
		now := store.Now()
		if len(credentials) > 0 {
			if err := tx.Credential.Update().Where(store.IsAmong(t.store, credential.FieldID, credentials)).SetLastUsedAt(now).Exec(ctx); err != nil {
				return err
			}
		}
		if len(sessions) > 0 {
			return tx.Session.Update().Where(store.IsAmong(t.store, session.FieldID, sessions)).SetLastSeenAt(now).Exec(ctx)
		}
		return nil
	})
	if err != nil {
		slog.WarnContext(ctx, "last-used times not written", "error", err)
	}
}

// take returns the uses since the last take.
func (t *touch) take() (credentials, sessions []uuid.UUID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	credentials, sessions = slices.Collect(maps.Keys(t.credentials)), slices.Collect(maps.Keys(t.sessions))
	clear(t.credentials)
	clear(t.sessions)
	return credentials, sessions
}
