// Package caller says who is asking in a request: which user, with which credential, and from where.
package caller

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/google/uuid"
)

// The roles that exist.
const (
	Admin = "admin" // everything
	User  = "user"  // chat, embeddings, own profile, keys and usage
)

// The methods by which a caller can prove who they are.
const (
	Password = "password" // a session, begun with a password
	APIKey   = "api_key"
)

// Caller is who is asking. The zero Caller is an unauthenticated request from an unknown address.
type Caller struct {
	UserID  uuid.UUID // uuid.Nil: not signed in
	Email   string
	Roles   []string // sorted
	Account any      // the user's row; package auth, which reads it, knows its type

	Quota      Quota
	RoleModels Models // what the roles allow together
	KeyModels  Models // what the API key allows of that

	Method       string    // Password or APIKey; empty: not signed in
	CredentialID uuid.UUID // the API key, or uuid.Nil
	SessionID    uuid.UUID // the session, or uuid.Nil

	IP  netip.Addr
	TLS bool // the client's own connection is encrypted
	// CrossOrigin: a page of another origin than the server's has a browser make the request.
	CrossOrigin bool
	UserAgent   string
	RequestID   string
}

// SignedIn reports whether the request is authenticated.
func (c *Caller) SignedIn() bool { return c.UserID != uuid.Nil }

// Has reports whether the caller has the role.
func (c *Caller) Has(role string) bool { return slices.Contains(c.Roles, role) }

// MayActFor reports whether the caller may see and change what belongs to the user: they are that user, or an admin.
func (c *Caller) MayActFor(user uuid.UUID) bool {
	return c.SignedIn() && (c.UserID == user || c.Has(Admin))
}

// MayUse reports whether roles and API key allow the model of this canonical name.
func (c *Caller) MayUse(model string) bool {
	return c.RoleModels.Allow(model) && c.KeyModels.Allow(model)
}

// Address is the caller's address as text; "" when it is not known.
func (c *Caller) Address() string {
	if !c.IP.IsValid() {
		return ""
	}
	return c.IP.String()
}

// Network is the caller's address cut to what one subscriber commonly has: IPv6 to its /64, IPv4 whole.
func (c *Caller) Network() string {
	if !c.IP.Is6() {
		return c.Address()
	}
	p, _ := c.IP.WithZone("").Prefix(64) // which fails for more bits than there are
	return p.String()
}

type contextKey struct{}

// With returns a context that carries the caller.
func With(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From returns the context's caller; the zero Caller if it has none.
func From(ctx context.Context) *Caller {
	if c, ok := ctx.Value(contextKey{}).(*Caller); ok {
		return c
	}
	return new(Caller)
}

// ErrNotYours means that the caller may not act for the user, or that there can be no such user.
var ErrNotYours = errors.New("not the caller's own")

// Subject returns the user whom a request is about: the one that it names, or the caller when it names none. A user whom
// the caller may not act for is ErrNotYours, which features answer as an absent one.
func (c *Caller) Subject(named string) (uuid.UUID, error) {
	if named == "" {
		return c.UserID, nil
	}
	id, err := uuid.Parse(named)
	if err != nil || c.Owns(id) != nil {
		return uuid.Nil, ErrNotYours
	}
	return id, nil
}

// Owns returns ErrNotYours unless the caller may act for the user, who owns something.
func (c *Caller) Owns(user uuid.UUID) error {
	if !c.MayActFor(user) {
		return ErrNotYours
	}
	return nil
}
