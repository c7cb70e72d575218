package convert

import (
	"context"
	"time"

	"connectrpc.com/connect"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/ent/db/predicate"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/store"
)

// Whether a session or an API key is still good is decided here alone: each rule once for a query and once for a row that
// was read, and a test holds the two against each other. now is store.Now(), since the databases keep microseconds.

// ErrUnauthenticated is the answer to every credential that is not valid, whatever the reason.
var ErrUnauthenticated = apierr.New(connect.CodeUnauthenticated, apierr.Unauthenticated,
	"a valid session token or API key is needed")

// OpenSession matches the sessions that have neither been revoked nor reached their end at now. An open session may have no
// token that works: see LiveSession.
func OpenSession(now time.Time) predicate.Session {
	return session.And(session.RevokedAtIsNil(), session.ExpiresAtGT(now))
}

// IsOpenSession is OpenSession for one session.
func IsOpenSession(s *db.Session, now time.Time) bool {
	return s.RevokedAt == nil && now.Before(s.ExpiresAt)
}

// IsRefreshable reports whether the refresh token of the session works at now.
func IsRefreshable(s *db.Session, now time.Time) bool {
	return IsOpenSession(s, now) && now.Before(s.RefreshExpiresAt)
}

// LiveSession matches the sessions of which a token still works at now: the refresh token, or the access token that was
// made with it, which may live longer. accessTTL is how long access tokens do.
func LiveSession(now time.Time, accessTTL time.Duration) predicate.Session {
	return session.And(OpenSession(now), session.Or(session.RefreshExpiresAtGT(now), session.RotatedAtGT(now.Add(-accessTTL))))
}

// IsLiveSession is LiveSession for one session.
func IsLiveSession(s *db.Session, now time.Time, accessTTL time.Duration) bool {
	return s.RevokedAt == nil && now.Before(SessionEnd(s, accessTTL))
}

// SessionEnd returns when the last token of a session expires, unless it is refreshed. No access token may outlive it, or a
// session that still works would be listed nowhere.
func SessionEnd(s *db.Session, accessTTL time.Duration) time.Time {
	ends := s.RotatedAt.Add(accessTTL)
	if ends.Before(s.RefreshExpiresAt) {
		ends = s.RefreshExpiresAt
	}
	if s.ExpiresAt.Before(ends) {
		ends = s.ExpiresAt
	}
	return ends
}

// EndSessions revokes the sessions that all of the predicates match, as far as they have not been revoked before, and returns
// how many it was.
func EndSessions(ctx context.Context, tx *db.Tx, which ...predicate.Session) (int, error) {
	return tx.Session.Update().Where(session.RevokedAtIsNil()).Where(which...).SetRevokedAt(store.Now()).Save(ctx)
}

// LiveKey matches the API keys that are neither revoked nor expired at now.
func LiveKey(now time.Time) predicate.Credential {
	return credential.And(credential.RevokedAtIsNil(), credential.Or(credential.ExpiresAtIsNil(), credential.ExpiresAtGT(now)))
}

// IsLiveKey is LiveKey for one key.
func IsLiveKey(c *db.Credential, now time.Time) bool {
	return c.RevokedAt == nil && (c.ExpiresAt == nil || now.Before(*c.ExpiresAt))
}

// RevokeIssued revokes the API keys that were issued by one of the issuers, or by such a key, as far as they have not been revoked
// before, and returns how many it was. The issuers must be revoked already, or locked.
func RevokeIssued(ctx context.Context, tx *db.Tx, issuers ...uuid.UUID) (revoked int, err error) {
	for {
		// Waits for those who issue or rotate with one of the keys; what they have made is found in the next round.
		n, err := tx.Credential.Update().Where(credential.IssuedByIn(issuers...), credential.RevokedAtIsNil()).SetRevokedAt(store.Now()).Save(ctx)
		if err != nil {
			return revoked, err
		}
		issued, err := tx.Credential.Query().Where(credential.IssuedByIn(issuers...), credential.IDNotIn(issuers...)).IDs(ctx)
		if err != nil {
			return revoked, err
		}
		if revoked += n; n == 0 && len(issued) == 0 {
			return revoked, nil
		}
		issuers = append(issuers, issued...)
	}
}
