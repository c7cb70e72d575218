// Package auth signs people in and out and decides who a caller is.
package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/ent/schema"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/auth/tokens"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/coalesce"
	"github.com/paddock-gate/paddock/internal/convert"
	"github.com/paddock-gate/paddock/internal/email"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/throttle"
)

// Options configure the service.
type Options struct {
	Secrets           [][]byte // the first signs; all verify
	Algorithm         string   // HS256, HS384, HS512
	AccessTTL         time.Duration
	RefreshTTL        time.Duration
	SessionTTL        time.Duration
	PasswordMinLength int
	// RateLimit returns the state of the caller's request limit, nil if there is no limit.
	RateLimit func(*caller.Caller) *paddockv1.RateLimit
	// Quota returns the state of the context's caller's token quota, nil if there is none.
	Quota func(context.Context) (*paddockv1.Quota, error)
}

// Service is the AuthService. It also authenticates every request (Identify) and ends running streams (Watch).
type Service struct {
	store    *store.Store
	log      *audit.Log
	hasher   *secret.Hasher
	keys     *secret.KeyVerifier
	options  Options
	access   *tokens.Access
	refresh  tokens.Refresh
	throttle *throttle.Throttle
	noise    *audit.Noise
	touch    *touch
	watch    *watch

	keyRows     *coalesce.Reads[string, *keyRow]
	sessionRows *coalesce.Reads[uuid.UUID, *sessionRow]
}

// keysRemembered is how many verified API keys are kept in memory, some 100 bytes each.
const keysRemembered = 1 << 16

// New returns the service. Run must run for last-used times and the ends of streams.
func New(s *store.Store, log *audit.Log, noise *audit.Noise, hasher *secret.Hasher, o Options) (*Service, error) {
	access, err := tokens.NewAccess(o.Algorithm, o.AccessTTL, o.Secrets)
	if err != nil {
		return nil, err
	}
	refresh, err := tokens.NewRefresh(o.Secrets)
	if err != nil {
		return nil, err
	}
	a := &Service{
		store:    s,
		log:      log,
		hasher:   hasher,
		keys:     secret.NewKeyVerifier(keysRemembered),
		options:  o,
		access:   access,
		refresh:  refresh,
		throttle: throttle.New(),
		noise:    noise,
		touch:    newTouch(s, log),
		watch:    &watch{store: s, live: map[int]*watched{}},
	}
	a.keyRows = store.NewReads(s, a.readKeys)
	a.sessionRows = store.NewReads(s, a.readSessions)
	return a, nil
}

// Run checks running streams and writes last-used times until ctx ends.
func (a *Service) Run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { a.watch.run(ctx) })
	work.Go(func() { a.touch.run(ctx) })
	work.Wait()
}

// Login implements paddock.v1.AuthService.
func (a *Service) Login(ctx context.Context, req *paddockv1.LoginRequest) (*paddockv1.LoginResponse, error) {
	name := loginName(req.GetEmail())
	u, s, err := a.signIn(ctx, name, req.GetPassword())
	if errors.Is(err, errInvalidCredentials) {
		return nil, a.loginFailed(ctx, name, u)
	}
	if err != nil {
		return nil, err
	}
	return a.loginResponse(ctx, u, s, req.GetCookie())
}

// loginName returns the normalised email, or the text itself if it is no email: no user has it.
func loginName(text string) string {
	if normal, err := email.Normalize(text); err == nil {
		return normal
	}
	return audit.Fit(text, schema.AuditEmailBytes)
}

// recorded returns what the audit trail is told of a login name: nothing of a text that is no email, since people type passwords into
// the wrong field.
func recorded(name string) string {
	if _, err := email.Normalize(name); err != nil {
		return ""
	}
	return name
}

// signIn begins a session for the user with the email and password. With errInvalidCredentials it also returns the user with
// the email, if there is one.
func (a *Service) signIn(ctx context.Context, name, password string) (*db.User, *db.Session, error) {
	for {
		u, err := a.verifyPassword(ctx, name, user.Email(name), password)
		if err != nil {
			return u, nil, err
		}
		hash := u.PasswordHash
		if a.hasher.NeedsRehash(hash) { // made before the parameters were changed
			if fresh, err := a.hasher.Hash(ctx, password); err == nil {
				hash = fresh
			}
		}
		u, s, err := a.begin(ctx, u, hash)
		if !errors.Is(err, errChangedMeanwhile) {
			return u, s, err
		}
	}
}

var errChangedMeanwhile = errors.New("the user has changed since the password was verified")

// signInUpdate does not go through Ent, which would set updated_at.
const signInUpdate = `UPDATE users SET last_login_at = $1, password_hash = $2` +
	` WHERE id = $3 AND active AND password_hash = $4`

// begin begins a session for the user whose password was just verified, and stores the hash, which is of the same password. If
// the password or the user's state has changed meanwhile, it returns errChangedMeanwhile.
func (a *Service) begin(ctx context.Context, verified *db.User, hash string) (u *db.User, s *db.Session, err error) {
	salt := make([]byte, tokens.SaltBytes)
	rand.Read(salt)
	c := caller.From(ctx)
	err = a.log.Do(ctx, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		now := store.Now()
		ends := now.Add(a.options.SessionTTL)
		n, err := store.Exec(ctx, tx, signInUpdate, now, hash, verified.ID, verified.PasswordHash)
		if err != nil {
			return audit.Event{}, err
		}
		if n == 0 {
			return audit.Event{}, errChangedMeanwhile
		}
		if u, err = tx.User.Query().Where(user.ID(verified.ID)).WithRoles().Only(ctx); err != nil {
			return audit.Event{}, err
		}
		s, err = tx.Session.Create().
			SetUserID(u.ID).
			SetRefreshSalt(salt).
			SetCreatedAt(now).SetLastSeenAt(now).SetRotatedAt(now).
			SetRefreshExpiresAt(earlier(now.Add(a.options.RefreshTTL), ends)).
			SetExpiresAt(ends).
			SetIP(c.Address()).
			SetUserAgent(audit.Fit(c.UserAgent, schema.AuditUserAgentBytes)).
			Save(ctx)
		if err != nil {
			return audit.Event{}, err
		}
		if err := a.endOldest(ctx, tx, u.ID, now); err != nil {
			return audit.Event{}, err
		}
		return audit.Event{
			Type: audit.LoginSuccess, ActorUserID: u.ID, ActorEmail: u.Email, TargetUserID: u.ID, SessionID: s.ID,
		}, nil
	})
	return u, s, err
}

func (a *Service) loginFailed(ctx context.Context, name string, u *db.User) error {
	event := audit.Event{Type: audit.LoginFailure, Outcome: audit.Failure, ActorEmail: recorded(name)}
	if u != nil {
		event.TargetUserID = u.ID
	}
	if err := a.log.Record(ctx, event); err != nil {
		return err
	}
	return errInvalidCredentials
}

// loginResponse returns the answer to a sign-in and to a refresh. With cookie, the refresh token goes into a cookie and not
// into the body, except for pages of other origins.
func (a *Service) loginResponse(ctx context.Context, u *db.User, s *db.Session, cookie bool) (*paddockv1.LoginResponse, error) {
	access, expires, err := a.access.Sign(u.ID, s.ID, time.Now(), convert.SessionEnd(s, a.options.AccessTTL))
	if err != nil {
		return nil, fmt.Errorf("sign access token: %w", err)
	}
	refresh := a.refresh.Token(s.ID, s.Generation, s.RefreshSalt)
	if cookie && !caller.From(ctx).CrossOrigin {
		setRefreshCookie(ctx, refresh, s.RefreshExpiresAt)
		refresh = ""
	}
	return &paddockv1.LoginResponse{
		AccessToken:      access,
		TokenType:        "Bearer",
		ExpiresAt:        timestamppb.New(expires),
		RefreshToken:     refresh,
		RefreshExpiresAt: timestamppb.New(s.RefreshExpiresAt),
		User:             convert.User(u),
	}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
