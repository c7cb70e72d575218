package auth

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/convert"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
)

var errAmbiguous = apierr.New(connect.CodeInvalidArgument, apierr.AmbiguousCredentials,
	"the request carries two different credentials of this server; send one")

// Identify authenticates a request by the credential in its header, whatever the protocol, and fills in c. Authorization:
// Bearer takes a session's access token or an API key, X-API-Key an API key, and with basic so does HTTP Basic. Credentials
// that Paddock cannot have issued are ignored. The rows are as they are when the request comes, so that a revocation, a
// logout or a change of roles counts from the next request on.
//
// It returns convert.ErrUnauthenticated, an error for two different credentials, or store.ErrAway if the database is unavailable.
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

const byRole = ` ORDER BY r.role_id`

// owner is the user of a key or session, read with their roles. Neither password nor search text is read.
type owner struct{ db.User }

// scan reads a row of columns and userColumns, of which there is one for each role.
func (u *owner) scan(row store.Row, columns ...any) error {
	var role, models *string
	err := row.Scan(append(columns,
		&u.ID, &u.Email, &u.DisplayName, &u.ExternalID, &u.Active, &u.CreatedAt, &u.UpdatedAt, &u.LastLoginAt,
		&u.TokensPerDay, &u.TokensPerMonth, &u.RequestsPerMinute, &role, &models,
	)...)
	if role != nil {
		u.Edges.Roles = append(u.Edges.Roles, &db.Role{ID: *role, Models: models})
	}
	return err
}

// identify makes the owner the caller, replacing a former identity. It keeps where the request came from.
func (u *owner) identify(c *caller.Caller) {
	c.CredentialID, c.SessionID, c.KeyModels, c.RoleModels = uuid.Nil, uuid.Nil, nil, nil
	c.UserID, c.Email, c.Roles, c.Quota, c.Account = u.ID, u.Email, convert.Roles(&u.User), convert.Quota(&u.User), &u.User
	for i, role := range u.Edges.Roles {
		models := caller.ParseModels(role.Models)
		if i > 0 {
			models = c.RoleModels.And(models)
		}
		c.RoleModels = models
	}
}

// account returns the caller's row as it was read when they were identified.
func account(c *caller.Caller) *db.User {
	u, _ := c.Account.(*db.User)
	return u
}

const keyQuery = `SELECT x.key_id, x.id, x.key_hash, x.expires_at, x.revoked_at, x.last_used_at, x.models, ` + userColumns +
	` FROM credentials x` + userJoin + `WHERE `

// keyRow is what was read of an API key and its owner.
type keyRow struct {
	db.Credential

	owner owner
}

func (a *Service) readKeys(ctx context.Context, keyIDs []string) (map[string]*keyRow, error) {
	keys := make(map[string]*keyRow, len(keyIDs))
	among, ids := store.Among(a.store, "x.key_id", 1, keyIDs)
	return keys, a.store.Read(ctx, keyQuery+among+byRole, ids, func(row store.Row) error {
		k := &keyRow{}
		err := k.owner.scan(row, &k.KeyID, &k.ID, &k.KeyHash, &k.ExpiresAt, &k.RevokedAt, &k.LastUsedAt, &k.Models)
		if same := keys[k.KeyID]; same != nil {
			same.owner.Edges.Roles = append(same.owner.Edges.Roles, k.owner.Edges.Roles...)
		} else {
			keys[k.KeyID] = k
		}
		return err
	})
}

func (a *Service) identifyKey(ctx context.Context, text string, c *caller.Caller) error {
	key, err := secret.ParseKey(text)
	if err != nil {
		return convert.ErrUnauthenticated
	}
	began := time.Now()
	k, found, err := a.keyRows.Get(ctx, key.ID)
	if err != nil {
		return err
	}
	if !found {
		k = &keyRow{} // without a hash
	}
	now := store.Now()
	if !a.keys.Verify(k.KeyHash, key) || !k.owner.Active || !convert.IsLiveKey(&k.Credential, now) {
		return refuseKey(ctx, began)
	}
	a.touch.credential(k.ID, k.LastUsedAt, now)
	k.owner.identify(c)
	c.Method, c.CredentialID, c.KeyModels = caller.APIKey, k.ID, caller.ParseModels(k.Models)
	return nil
}

// keyRefusal is how long after it came a key is refused at the earliest. The work for one that is unknown is nearly the same as for a
// wrong secret, but a row that is read, or remembered, can be told from none by some ten microseconds.
const keyRefusal = 3 * time.Millisecond

// refuseKey returns convert.ErrUnauthenticated once keyRefusal is over, or ctx ends.
func refuseKey(ctx context.Context, began time.Time) error {
	wait := time.NewTimer(keyRefusal - time.Since(began))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	return convert.ErrUnauthenticated
}

const sessionQuery = `SELECT x.id, x.user_id, x.expires_at, x.revoked_at, x.last_seen_at, ` + userColumns +
	` FROM sessions x` + userJoin + `WHERE `

// sessionRow is what was read of a session and its user.
type sessionRow struct {
	db.Session

	owner owner
}

func (a *Service) readSessions(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*sessionRow, error) {
	sessions := make(map[uuid.UUID]*sessionRow, len(ids))
	among, list := store.Among(a.store, "x.id", 1, ids)
	return sessions, a.store.Read(ctx, sessionQuery+among+byRole, list, func(row store.Row) error {
		s := &sessionRow{}
		err := s.owner.scan(row, &s.Session.ID, &s.UserID, &s.ExpiresAt, &s.RevokedAt, &s.LastSeenAt)
		if same := sessions[s.Session.ID]; same != nil {
			same.owner.Edges.Roles = append(same.owner.Edges.Roles, s.owner.Edges.Roles...)
		} else {
			sessions[s.Session.ID] = s
		}
		return err
	})
}

func (a *Service) identifySession(ctx context.Context, token string, c *caller.Caller) error {
	now := store.Now()
	userID, sessionID, err := a.access.Verify(token, now)
	if err != nil {
		return convert.ErrUnauthenticated
	}
	s, found, err := a.sessionRows.Get(ctx, sessionID)
	if err != nil {
		return err
	}
	if !found || s.UserID != userID || !s.owner.Active || !convert.IsOpenSession(&s.Session, now) {
		return convert.ErrUnauthenticated
	}
	a.touch.session(sessionID, s.LastSeenAt, now)
	s.owner.identify(c)
	c.Method, c.SessionID = caller.Password, sessionID
	return nil
}
