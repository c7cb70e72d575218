package auth

import (
	"context"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// WhoAmI implements paddock.v1.AuthService. It returns the row that Identify read.
func (a *Service) WhoAmI(ctx context.Context, _ *paddockv1.WhoAmIRequest) (*paddockv1.WhoAmIResponse, error) {
	c := caller.From(ctx)
	quota, err := a.options.Quota(ctx)
	if err != nil {
		return nil, err
	}
	m := &paddockv1.WhoAmIResponse{
		User:      convert.User(account(c)),
		Method:    c.Method,
		RateLimit: a.options.RateLimit(c),
		Quota:     quota,
	}
	if c.CredentialID != uuid.Nil {
		m.CredentialId = c.CredentialID.String()
	}
	if c.SessionID != uuid.Nil {
		m.SessionId = c.SessionID.String()
	}
	return m, nil
}
