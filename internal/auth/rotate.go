package auth

import (
	"context"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/auth/tokens"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

// reuseGrace is how long the immediate parent of a refresh token still gets that same token: a lost reply must not sign a
// person out.
const reuseGrace = 10 * time.Second

// Refresh implements paddock.v1.AuthService.
func (a *Service) Refresh(ctx context.Context, req *paddockv1.RefreshRequest) (*paddockv1.RefreshResponse, error) {
	token, cookie := req.GetRefreshToken(), false
	if token == "" {
		token, cookie = refreshFromCookie(ctx), true
	}
	if token == "" { // as a page asks on its first visit: not worth an entry
		return nil, convert.ErrUnauthenticated
	}
	s, err := a.rotate(ctx, token)
	if err != nil {
		return nil, err
	}
	m, err := a.loginResponse(ctx, s.Edges.User, s, cookie)
	if err != nil {
		return nil, err
	}
	return &paddockv1.RefreshResponse{
		AccessToken:      m.GetAccessToken(),
		TokenType:        m.GetTokenType(),
		ExpiresAt:        m.GetExpiresAt(),
		RefreshToken:     m.GetRefreshToken(),
		RefreshExpiresAt: m.GetRefreshExpiresAt(),
		User:             m.GetUser(),
	}, nil
}

// rotate returns the token's session, with its user, at the generation that follows the token's. Of concurrent calls with the
// same token one moves the session on, and the others find it moved.
func (a *Service) rotate(ctx context.Context, token string) (*db.Session, error) {
	claim, ok := tokens.ParseRefresh(token)
	if !ok {
		return nil, a.refuseRefresh(ctx)
	}
	for {
		s, err := a.store.Session.Query().
			Where(session.ID(claim.Session)).
			WithUser(func(q *db.UserQuery) { q.WithRoles() }).
			Only(ctx)
		if err != nil && !db.IsNotFound(err) {
			return nil, err
		}
		now := store.Now()
		if err != nil || !a.refresh.Verify(claim, s.RefreshSalt) || !convert.IsRefreshable(s, now) || !isActive(s.Edges.User) {
			return nil, a.refuseRefresh(ctx)
		}
		switch {
		case claim.Generation == s.Generation:
			moved, err := a.move(ctx, s, now)
			if err != nil {
				return nil, err
			}
			if moved {
				return s, nil
			}
		case claim.Generation == s.Generation-1 && now.Sub(s.RotatedAt).Abs() <= reuseGrace:
			return s, nil
		default:
			return nil, a.reused(ctx, s)
		}
	}
}

// isActive reports whether the user, nil if deleted this very moment, may sign in.
func isActive(u *db.User) bool { return u != nil && u.Active }

func (a *Service) refuseRefresh(ctx context.Context) error {
	return a.noise.Refuse(ctx, convert.ErrUnauthenticated, "AuthService.Refresh: no valid refresh token")
}

// move makes the session's next refresh token the valid one, and reports whether this call did so.
func (a *Service) move(ctx context.Context, s *db.Session, now time.Time) (moved bool, err error) {
	next, expires := s.Generation+1, earlier(now.Add(a.options.RefreshTTL), s.ExpiresAt)
	err = a.log.Unaudited(ctx, "refresh", func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Session.Update().
			Where(session.ID(s.ID), session.Generation(s.Generation), convert.OpenSession(now)).
			SetGeneration(next).SetRotatedAt(now).SetRefreshExpiresAt(expires).SetLastSeenAt(now).
			Save(ctx)
		moved = n == 1
		return err
	})
	s.Generation, s.RotatedAt, s.RefreshExpiresAt = next, now, expires
	return moved, err
}

// reused ends the session of a refresh token that was used twice, even if the client has hung up: one of the two who used it
// has stolen it.
func (a *Service) reused(ctx context.Context, s *db.Session) error {
	err := a.endSession(context.WithoutCancel(ctx), s, audit.Event{
		Type: audit.RefreshReuseDetected, Outcome: audit.Denied, Detail: "a refresh token came a second time; the session was ended",
	})
	if err != nil {
		return err
	}
	return convert.ErrUnauthenticated
}
