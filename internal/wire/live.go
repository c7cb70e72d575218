package wire

import (
	"time"

	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/ent/db/predicate"
	"github.com/paddock-gate/paddock/ent/db/session"
)

// OpenSession matches the sessions that have not been ended and are not over at now.
func OpenSession(now time.Time) predicate.Session {
	return session.And(session.RevokedAtIsNil(), session.ExpiresAtGT(now))
}

// LiveSession matches the open sessions of which a token still works at now: the refresh token, or the access token that was
// made with it, which may live longer. accessTTL is how long access tokens do.
func LiveSession(now time.Time, accessTTL time.Duration) predicate.Session {
	return session.And(OpenSession(now), session.Or(session.RefreshExpiresAtGT(now), session.RotatedAtGT(now.Add(-accessTTL))))
}

// LiveKey matches the API keys that work at now, as far as it is for them.
func LiveKey(now time.Time) predicate.Credential {
	return credential.And(credential.RevokedAtIsNil(), credential.Or(credential.ExpiresAtIsNil(), credential.ExpiresAtGT(now)))
}
