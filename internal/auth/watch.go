package auth

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/ent/db/predicate"
	"github.com/paddock-gate/paddock/ent/db/role"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/convert"
	"github.com/paddock-gate/paddock/internal/store"
)

// watchInterval is how often the credentials of running streams are checked; a stream ends within twice that.
const watchInterval = 750 * time.Millisecond

// watch ends running streams when their authorization ends: the session, the key, the user, or the last of the roles that
// allowed them. One query a round serves all streams. A session needs to be open, not live: a stream outlasts the tokens that
// it was begun with, as a page may refresh them meanwhile.
type watch struct {
	store *store.Store
	mu    sync.Mutex
	next  int
	live  map[int]*watched
}

type watched struct {
	session, credential uuid.UUID
	roles               []string
	end                 context.CancelCauseFunc
}

// Watch returns a context that ends, with convert.ErrUnauthenticated as its cause, within two seconds of the caller's session,
// key or user ending, or of the user losing all of roles; no roles means that none is needed. The caller must call stop.
func (a *Service) Watch(ctx context.Context, c *caller.Caller, roles ...string) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	id := a.watch.add(&watched{session: c.SessionID, credential: c.CredentialID, roles: roles, end: cancel})
	return ctx, func() {
		a.watch.remove(id)
		cancel(context.Canceled)
	}
}

func (w *watch) add(s *watched) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next++
	w.live[w.next] = s
	return w.next
}

func (w *watch) remove(id int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.live, id)
}

func (w *watch) run(ctx context.Context) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			// An unavailable database ends no stream: nothing is known to have been revoked.
			if err := w.check(ctx); err != nil && !errors.Is(err, context.Canceled) {
				slog.WarnContext(ctx, "credentials of running streams not checked", "error", err)
			}
		}
	}
}

// check ends the streams whose credential is no longer good.
func (w *watch) check(ctx context.Context) error {
	w.mu.Lock()
	streams := make([]*watched, 0, len(w.live))
	for _, s := range w.live {
		streams = append(streams, s)
	}
	w.mu.Unlock()

	// Streams that need the same roles are asked for together.
	byRoles := map[string][]*watched{}
	for _, s := range streams {
		key := strings.Join(s.roles, ",")
		byRoles[key] = append(byRoles[key], s)
	}
	for _, group := range byRoles {
		good, err := w.good(ctx, group)
		if err != nil {
			return err
		}
		for _, s := range group {
			if !good[s.session] && !good[s.credential] {
				s.end(convert.ErrUnauthenticated)
			}
		}
	}
	return nil
}

// good returns which of the streams' sessions and credentials are still good; the streams need the same roles.
func (w *watch) good(ctx context.Context, streams []*watched) (map[uuid.UUID]bool, error) {
	sessions, credentials := map[uuid.UUID]struct{}{}, map[uuid.UUID]struct{}{} // many streams have the same
	for _, s := range streams {
		if s.session != uuid.Nil {
			sessions[s.session] = struct{}{}
		} else {
			credentials[s.credential] = struct{}{}
		}
	}
	owner := []predicate.User{user.Active(true)}
	if roles := streams[0].roles; len(roles) > 0 {
		owner = append(owner, user.HasRolesWith(role.IDIn(roles...)))
	}
	now := store.Now()
	good := map[uuid.UUID]bool{}
	if len(sessions) > 0 {
		ids, err := w.store.Session.Query().
			Where(store.IsAmong(w.store, session.FieldID, slices.Collect(maps.Keys(sessions))), convert.OpenSession(now), session.HasUserWith(owner...)).
			IDs(ctx)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			good[id] = true
		}
	}
	if len(credentials) > 0 {
		ids, err := w.store.Credential.Query().
			Where(store.IsAmong(w.store, credential.FieldID, slices.Collect(maps.Keys(credentials))), convert.LiveKey(now), credential.HasUserWith(owner...)).
			IDs(ctx)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			good[id] = true
		}
	}
	return good, nil
}
