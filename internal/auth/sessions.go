package auth

import (
	"context"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

// Logout implements paddock.v1.AuthService.
func (a *Service) Logout(ctx context.Context, _ *paddockv1.LogoutRequest) (*paddockv1.LogoutResponse, error) {
	c := caller.From(ctx)
	s := &db.Session{ID: c.SessionID, UserID: c.UserID}
	if err := a.endSession(ctx, s, audit.Event{Type: audit.Logout}); err != nil {
		return nil, err
	}
	setRefreshCookie(ctx, "", time.Unix(0, 0))
	return &paddockv1.LogoutResponse{}, nil
}

// ListSessions implements paddock.v1.AuthService.
func (a *Service) ListSessions(ctx context.Context, req *paddockv1.ListSessionsRequest) (*paddockv1.ListSessionsResponse, error) {
	c := caller.From(ctx)
	owner, err := convert.Subject(ctx, req.GetUserId(), "AuthService.ListSessions", a.noise.Refuse)
	if err != nil {
		return nil, err
	}
	rows, err := a.store.Session.Query().
		Where(session.UserID(owner), convert.LiveSession(store.Now(), a.options.AccessTTL)).
		Order(session.ByCreatedAt(sql.OrderDesc()), session.ByID(sql.OrderDesc())).
		Limit(maxSessions).
		All(ctx)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		if err := convert.UserExists(ctx, a.store.User, owner); err != nil {
			return nil, err
		}
	}
	m := &paddockv1.ListSessionsResponse{}
	for _, s := range rows {
		m.Sessions = append(m.Sessions, &paddockv1.Session{
			Id:         s.ID.String(),
			UserId:     s.UserID.String(),
			CreatedAt:  timestamppb.New(s.CreatedAt),
			LastSeenAt: timestamppb.New(s.LastSeenAt),
			ExpiresAt:  timestamppb.New(convert.SessionEnd(s, a.options.AccessTTL)),
			Ip:         s.IP,
			UserAgent:  s.UserAgent,
			Current:    s.ID == c.SessionID,
		})
	}
	return m, nil
}

// maxSessions is how many live sessions a user has at most, so that all can be listed: a sign-in beyond ends the oldest.
const maxSessions = 500

// endOldest ends the live sessions that the user has beyond maxSessions.
func (a *Service) endOldest(ctx context.Context, tx *db.Tx, user uuid.UUID, now time.Time) error {
	const most = 1000 // at once; there is one, unless the bound was made lower
	oldest, err := tx.Session.Query().
		Where(session.UserID(user), convert.LiveSession(now, a.options.AccessTTL)).
		Order(session.ByCreatedAt(sql.OrderDesc()), session.ByID(sql.OrderDesc())).
		Offset(maxSessions).Limit(most).
		IDs(ctx)
	if err == nil && len(oldest) > 0 {
		_, err = convert.EndSessions(ctx, tx, session.IDIn(oldest...))
	}
	return err
}

var errNoSession = apierr.NotFound("session")

// RevokeSession implements paddock.v1.AuthService.
func (a *Service) RevokeSession(ctx context.Context, req *paddockv1.RevokeSessionRequest) (*paddockv1.RevokeSessionResponse, error) {
	s, err := a.store.Session.Get(ctx, uuid.MustParse(req.GetId()))
	if err == nil {
		err = caller.From(ctx).Owns(s.UserID)
	}
	// These calls have no rate limit, so their refusals are aggregated.
	err = convert.NotTheirs(ctx, err, errNoSession, "AuthService.RevokeSession: session "+req.GetId(), a.noise.Refuse)
	if err != nil {
		return nil, err
	}
	if err := a.endSession(ctx, s, audit.Event{Type: audit.SessionRevoked, Detail: "session " + s.ID.String()}); err != nil {
		return nil, err
	}
	return &paddockv1.RevokeSessionResponse{}, nil
}

// endSession ends the session if it has not ended yet, and completes and writes the event if so.
func (a *Service) endSession(ctx context.Context, s *db.Session, e audit.Event) error {
	return a.log.DoTo(ctx, s.UserID, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		n, err := convert.EndSessions(ctx, tx, session.ID(s.ID))
		if err != nil {
			return e, err
		}
		if n == 0 {
			return e, audit.ErrNothingChanged
		}
		e.TargetUserID, e.SessionID = s.UserID, s.ID
		return e, nil
	})
}
