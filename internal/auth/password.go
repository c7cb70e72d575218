package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/predicate"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/throttle"
)

var (
	errInvalidCredentials = apierr.New(connect.CodeUnauthenticated, apierr.InvalidCredentials, "email or password is wrong")
	// errCurrentPassword is not UNAUTHENTICATED, by which a client knows that its session has ended.
	errCurrentPassword = apierr.Field(connect.CodePermissionDenied, apierr.InvalidCredentials, "current_password", "the current password is wrong")
)

// maxGuessWait bounds how long a guess waits for concurrent ones to end.
const maxGuessWait = 2 * time.Second

// mayGuess asks the throttle for a guess, before any hash is computed.
func (a *Service) mayGuess(ctx context.Context, account string) (*throttle.Guess, error) {
	limited, cancel := context.WithTimeout(ctx, maxGuessWait)
	defer cancel()
	g, wait, err := a.throttle.Begin(limited, account, caller.From(ctx).Network())
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("%w: %w", secret.ErrBusy, err)
	case wait > 0:
		a.noise.Add(ctx, audit.Event{
			Type: audit.LoginThrottled, Outcome: audit.Denied, ActorEmail: recorded(account),
			Detail: "refused for another " + wait.Round(time.Second).String(),
		})
		return nil, apierr.Retry(connect.CodeResourceExhausted, apierr.LoginThrottled,
			"too many failed sign-ins; try again later", wait)
	}
	return g, nil
}

// verifyPassword returns the active user whose password it is. Unknown, inactive and password-less users take the same
// path and the same time as a wrong password. With errInvalidCredentials it also returns the user who was found, if any.
func (a *Service) verifyPassword(ctx context.Context, account string, who predicate.User, password string) (*db.User, error) {
	g, err := a.mayGuess(ctx, account)
	if err != nil {
		return nil, err
	}
	defer g.Withdraw()
	u, err := a.store.User.Query().Where(who).Only(ctx)
	if err != nil && !db.IsNotFound(err) {
		return nil, err
	}
	hash := ""
	if u != nil && u.Active {
		hash = u.PasswordHash
	}
	// A guess counts even if the client hangs up: otherwise it could hash for free.
	ok, err := a.hasher.Verify(context.WithoutCancel(ctx), priority(ctx, g), hash, password)
	if err != nil {
		return nil, err
	}
	if !ok {
		g.Fail()
		return u, errInvalidCredentials
	}
	g.Succeed()
	return u, nil
}

// priority returns whose turn it is to have a password checked, when many wait for that.
func priority(ctx context.Context, g *throttle.Guess) secret.Priority {
	switch {
	case g.Known() || caller.From(ctx).SignedIn():
		return secret.Known
	case g.Failed():
		return secret.Suspect
	}
	return secret.Newcomer
}

// ChangePassword implements paddock.v1.AuthService.
func (a *Service) ChangePassword(ctx context.Context, req *paddockv1.ChangePasswordRequest) (*paddockv1.ChangePasswordResponse, error) {
	c := caller.From(ctx)
	if err := secret.CheckPassword(req.GetNewPassword(), a.options.PasswordMinLength, c.Email, account(c).DisplayName); err != nil {
		return nil, apierr.WeakPassword("new_password", err)
	}
	u, err := a.verifyPassword(ctx, c.Email, user.ID(c.UserID), req.GetCurrentPassword())
	if errors.Is(err, errInvalidCredentials) {
		return nil, a.changeFailed(ctx)
	}
	if err != nil {
		return nil, err
	}
	hash, err := a.hasher.Hash(ctx, req.GetNewPassword())
	if err != nil {
		return nil, err
	}
	err = a.log.DoTo(ctx, u.ID, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		n, err := tx.User.Update().Where(user.ID(u.ID), user.PasswordHash(u.PasswordHash)).SetPasswordHash(hash).Save(ctx)
		if err != nil {
			return audit.Event{}, err
		}
		if n == 0 { // somebody else changed it meanwhile
			return audit.Event{}, errCurrentPassword
		}
		_, err = convert.EndSessions(ctx, tx, session.UserID(u.ID), session.IDNEQ(c.SessionID))
		return audit.Event{Type: audit.PasswordChanged, TargetUserID: u.ID}, err
	})
	if err != nil {
		return nil, err
	}
	return &paddockv1.ChangePasswordResponse{}, nil
}

func (a *Service) changeFailed(ctx context.Context) error {
	c := caller.From(ctx)
	err := a.log.Record(ctx, audit.Event{Type: audit.PasswordChanged, Outcome: audit.Failure, TargetUserID: c.UserID, Detail: "the current password is wrong"})
	if err != nil {
		return err
	}
	return errCurrentPassword
}
