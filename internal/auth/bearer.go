package auth

import (
	"context"
	"database/sql"
	"net/http"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/fault"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/wire"
)

// ErrUnauthenticated is the one answer to every credential that does not work.
var ErrUnauthenticated = fault.New(connect.CodeUnauthenticated, fault.Unauthenticated,
	"a valid session token or API key is needed")

var errAmbiguous = fault.New(connect.CodeInvalidArgument, fault.AmbiguousCredentials,
	"the request carries two different credentials of this server; send one")

// Identify decides who the caller is by the credential in the header, whatever the protocol, and fills in c. It is the
// only place where that is decided: Authorization: Bearer takes a session's access token or an API key, X-API-Key an API
// key, and with basic so does HTTP Basic. What cannot be ours is ignored. The rows are read for every call after it came,
// so that a revocation, a logout or a change of roles counts from the next one on.
//
// Errors: ErrUnauthenticated; two different credentials; and, never mistaken for either, a database that is away.
func (a *Service) Identify(ctx context.Context, h http.Header, basic bool, c *caller.Caller) error {
	credential, err := a.credentialIn(h, basic)
	if err != nil {
		return err
	}
	if secret.LooksLikeKey(credential) {
		return a.identifyKey(ctx, credential, c)
	}
	return a.identifySession(ctx, credential, c)
}

const userColumns = `u.id, u.email, u.display_name, u.external_id, u.active, u.created_at, u.updated_at, u.last_login_at, ` +
	`u.tokens_per_day, u.tokens_per_month, u.requests_per_minute, r.role_id, o.models`

const userJoin = ` JOIN users u ON u.id = x.user_id ` +
	`LEFT JOIN user_roles r ON r.user_id = u.id LEFT JOIN roles o ON o.id = r.role_id `

// userRow scans userColumns, one row for each role, into a caller.
type userRow struct {
	active      bool
	externalID  sql.NullString
	lastLoginAt sql.NullTime
	role        sql.NullString
	models      *string // that the role allows
}

func (u *userRow) targets(c *caller.Caller) []any {
	return []any{
		&c.UserID, &c.Email, &c.DisplayName, &u.externalID, &u.active, &c.CreatedAt, &c.UpdatedAt, &u.lastLoginAt,
		&c.Quota.TokensPerDay, &c.Quota.TokensPerMonth, &c.Quota.RequestsPerMinute, &u.role, &u.models,
	}
}

func (u *userRow) finish(c *caller.Caller) {
	c.ExternalID, c.LastLoginAt = u.externalID.String, u.lastLoginAt.Time
	if !u.role.Valid {
		return
	}
	models := caller.ParseModels(u.models)
	if len(c.Roles) > 0 {
		models = c.RoleModels.And(models)
	}
	c.Roles, c.RoleModels = append(c.Roles, u.role.String), models
}

const keyQuery = `SELECT x.id, x.key_hash, x.expires_at, x.revoked_at, x.last_used_at, x.models, ` + userColumns +
	` FROM credentials x` + userJoin + `WHERE x.key_id = $1 ORDER BY r.role_id`

// keyRow is what was read of an API key and its owner; the key's id is uuid.Nil if there is none.
type keyRow struct {
	db.Credential

	owner caller.Caller
	user  userRow
}

func (a *Service) readKey(ctx context.Context, keyID string) (*keyRow, error) {
	k := &keyRow{}
	return k, a.store.Read(ctx, keyQuery, []any{keyID}, func(rows *sql.Rows) error {
		if err := rows.Scan(append([]any{&k.ID, &k.KeyHash, &k.ExpiresAt, &k.RevokedAt, &k.LastUsedAt, &k.Models}, k.user.targets(&k.owner)...)...); err != nil {
			return err
		}
		k.user.finish(&k.owner)
		return nil
	})
}

func (a *Service) identifyKey(ctx context.Context, text string, c *caller.Caller) error {
	key, err := secret.ParseKey(text)
	if err != nil {
		return ErrUnauthenticated
	}
	k, err := a.keyRows.get(key.ID, func() (*keyRow, error) { return a.readKey(ctx, key.ID) })
	if err != nil {
		return err
	}
	now := store.Now()
	if k.ID == uuid.Nil || !a.keys.Verify(k.KeyHash, key) || !k.user.active || !wire.IsLiveKey(&k.Credential, now) {
		return ErrUnauthenticated
	}
	a.touch.credential(k.ID, k.LastUsedAt, now)
	found := k.owner
	found.Method, found.CredentialID, found.KeyModels = caller.APIKey, k.ID, caller.ParseModels(k.Models)
	fill(c, &found)
	return nil
}

const sessionQuery = `SELECT x.user_id, x.expires_at, x.revoked_at, x.last_seen_at, ` + userColumns +
	` FROM sessions x` + userJoin + `WHERE x.id = $1 ORDER BY r.role_id`

// sessionRow is what was read of a session and its user; the user's id is uuid.Nil if there is none.
type sessionRow struct {
	db.Session

	owner caller.Caller
	user  userRow
}

func (a *Service) readSession(ctx context.Context, id uuid.UUID) (*sessionRow, error) {
	s := &sessionRow{}
	return s, a.store.Read(ctx, sessionQuery, []any{id}, func(rows *sql.Rows) error {
		if err := rows.Scan(append([]any{&s.UserID, &s.ExpiresAt, &s.RevokedAt, &s.LastSeenAt}, s.user.targets(&s.owner)...)...); err != nil {
			return err
		}
		s.user.finish(&s.owner)
		return nil
	})
}

func (a *Service) identifySession(ctx context.Context, token string, c *caller.Caller) error {
	now := store.Now()
	userID, sessionID, err := a.tokens.verify(token, now)
	if err != nil {
		return ErrUnauthenticated
	}
	s, err := a.sessionRows.get(sessionID, func() (*sessionRow, error) { return a.readSession(ctx, sessionID) })
	if err != nil {
		return err
	}
	if s.UserID == uuid.Nil || s.UserID != userID || !s.user.active || !wire.IsOpenSession(&s.Session, now) {
		return ErrUnauthenticated
	}
	a.touch.session(sessionID, s.LastSeenAt, now)
	found := s.owner
	found.Method, found.SessionID = caller.Password, sessionID
	fill(c, &found)
	return nil
}

// fill adds who the caller is to where they are.
func fill(c, found *caller.Caller) {
	found.IP, found.TLS, found.CrossOrigin = c.IP, c.TLS, c.CrossOrigin
	found.UserAgent, found.RequestID = c.UserAgent, c.RequestID
	*c = *found
}
