package auth

import (
	"context"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/internal/caller"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// WhoAmI implements paddock.v1.AuthService. The caller's row was read at the door.
func (a *Service) WhoAmI(ctx context.Context, _ *paddockv1.WhoAmIRequest) (*paddockv1.WhoAmIResponse, error) {
	c := caller.From(ctx)
	quota, err := a.options.Quota(ctx)
	if err != nil {
		return nil, err
	}
	m := &paddockv1.WhoAmIResponse{
		User: &paddockv1.User{
			Id:          c.UserID.String(),
			Email:       c.Email,
			DisplayName: c.DisplayName,
			ExternalId:  c.ExternalID,
			Active:      true,
			Roles:       c.Roles,
			CreatedAt:   timestamppb.New(c.CreatedAt),
			UpdatedAt:   timestamppb.New(c.UpdatedAt),
		},
		Method:    c.Method,
		RateLimit: a.options.RateLimit(c),
		Quota:     quota,
	}
	if !c.LastLoginAt.IsZero() {
		m.User.LastLoginAt = timestamppb.New(c.LastLoginAt)
	}
	if c.CredentialID != uuid.Nil {
		m.CredentialId = c.CredentialID.String()
	}
	if c.SessionID != uuid.Nil {
		m.SessionId = c.SessionID.String()
	}
	return m, nil
}
