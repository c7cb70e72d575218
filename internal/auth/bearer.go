package auth

import (
	"context"
	"database/sql"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/fault"
	"github.com/paddock-gate/paddock/internal/secret"
)

// ErrUnauthenticated is the one answer to every credential that does not work.
var ErrUnauthenticated = fault.New(connect.CodeUnauthenticated, fault.Unauthenticated,
	"a valid session token or API key is needed")

var errAmbiguous = fault.New(connect.CodeInvalidArgument, fault.AmbiguousCredentials,
	"the request carries two different credentials; send one")

// Identify decides who the caller is by the credential in the header, whatever the protocol, and fills in c. It is the
// only place where that is decided: Authorization: Bearer takes a session's access token or an API key, X-API-Key an API
// key. The rows are read on every call, so that a revocation, a logout or a change of roles counts from the next one on.
//
// Errors: ErrUnauthenticated; two different credentials; and, never mistaken for either, a database that is away.
func (a *Service) Identify(ctx context.Context, h http.Header, c *caller.Caller) error {
	credential, err := credentialIn(h)
	if err != nil {
		return err
	}
	if secret.LooksLikeKey(credential) {
		return a.identifyKey(ctx, credential, c)
	}
	return a.identifySession(ctx, credential, c)
}

// credentialIn returns the request's one credential, ErrUnauthenticated when there is none.
func credentialIn(h http.Header) (string, error) {
	var found string
	for _, v := range h.Values("Authorization") {
		scheme, token, _ := strings.Cut(v, " ")
		token = strings.TrimLeft(token, " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" {
			return "", ErrUnauthenticated
		}
		if found != "" && found != token {
			return "", errAmbiguous
		}
		found = token
	}
	for _, key := range h.Values("X-Api-Key") {
		if key != "" && found != "" && found != key {
			return "", errAmbiguous
		}
		if !secret.LooksLikeKey(key) {
			return "", ErrUnauthenticated
		}
		found = key
	}
	if found == "" {
		return "", ErrUnauthenticated
	}
	return found, nil
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

func (a *Service) identifyKey(ctx context.Context, text string, c *caller.Caller) error {
	key, err := secret.ParseKey(text)
	if err != nil {
		return ErrUnauthenticated
	}
	var (
		found                  caller.Caller
		user                   userRow
		id                     uuid.UUID
		hash                   string
		expires, revoked, used sql.NullTime
		models                 *string
	)
	err = a.store.Read(ctx, keyQuery, []any{key.ID}, func(rows *sql.Rows) error {
		if err := rows.Scan(append([]any{&id, &hash, &expires, &revoked, &used, &models}, user.targets(&found)...)...); err != nil {
			return err
		}
		user.finish(&found)
		return nil
	})
	if err != nil {
		return err
	}
	now := time.Now()
	if id == uuid.Nil || !a.keys.Verify(hash, key) || !user.active ||
		revoked.Valid || expires.Valid && !now.Before(expires.Time) {
		return ErrUnauthenticated
	}
	a.touch.credential(id, used.Time, now)
	found.Method, found.CredentialID, found.KeyModels = caller.APIKey, id, caller.ParseModels(models)
	fill(c, &found)
	return nil
}

const sessionQuery = `SELECT x.user_id, x.expires_at, x.revoked_at, x.last_seen_at, ` + userColumns +
	` FROM sessions x` + userJoin + `WHERE x.id = $1 ORDER BY r.role_id`

func (a *Service) identifySession(ctx context.Context, token string, c *caller.Caller) error {
	now := time.Now()
	userID, sessionID, err := a.tokens.verify(token, now)
	if err != nil {
		return ErrUnauthenticated
	}
	var (
		found         caller.Caller
		user          userRow
		owner         uuid.UUID
		expires, seen time.Time
		revoked       sql.NullTime
	)
	err = a.store.Read(ctx, sessionQuery, []any{sessionID}, func(rows *sql.Rows) error {
		if err := rows.Scan(append([]any{&owner, &expires, &revoked, &seen}, user.targets(&found)...)...); err != nil {
			return err
		}
		user.finish(&found)
		return nil
	})
	if err != nil {
		return err
	}
	if owner == uuid.Nil || owner != userID || !user.active || revoked.Valid || !now.Before(expires) {
		return ErrUnauthenticated
	}
	a.touch.session(sessionID, seen, now)
	found.Method, found.SessionID = caller.Password, sessionID
	fill(c, &found)
	return nil
}

// fill adds who the caller is to where they are.
func fill(c, found *caller.Caller) {
	found.IP, found.TLS, found.UserAgent, found.RequestID = c.IP, c.TLS, c.UserAgent, c.RequestID
	*c = *found
}
