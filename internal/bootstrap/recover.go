package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/convert"
	"github.com/paddock-gate/paddock/internal/email"
	"github.com/paddock-gate/paddock/internal/secret"
)

// ErrNoUser means that nobody has the email.
var ErrNoUser = errors.New("no user has this email")

// Recovered is what Recover has done.
type Recovered struct {
	Email    string
	Password string
	Changes  []string // what else was changed, in words
}

// Recover gives a user, who must exist, a new password, ends their sessions, and makes them an active admin again if they
// are not: the way back in for whoever has the database at hand. operator is who that is, for the audit trail.
func Recover(ctx context.Context, log *audit.Log, hasher *secret.Hasher, address, operator string) (Recovered, error) {
	r := Recovered{Password: secret.NewPassword()}
	var err error
	if r.Email, err = email.Normalize(address); err != nil {
		return Recovered{}, fmt.Errorf("recover: email: %w", err)
	}
	hash, err := hasher.Hash(ctx, r.Password)
	if err != nil {
		return Recovered{}, fmt.Errorf("recover: %w", err)
	}
	err = log.Do(ctx, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		if err := ensureRoles(ctx, tx); err != nil {
			return audit.Event{}, err
		}
		u, err := tx.User.Query().Where(user.Email(r.Email)).WithRoles().Only(ctx)
		if db.IsNotFound(err) {
			err = ErrNoUser
		}
		if err != nil {
			return audit.Event{}, err
		}
		event := audit.Event{Type: audit.PasswordSet, TargetUserID: u.ID}
		if !slices.Contains(convert.Roles(u), caller.Admin) {
			event.Type = audit.RolesChanged // the graver
		}
		r.Changes, err = reinstate(ctx, tx, u, hash)
		event.Detail = r.Email + ": " + strings.Join(append(r.Changes, "given a new password"), ", ") +
			", with `paddock admin recover` by " + operator
		return event, err
	})
	if err != nil {
		return Recovered{}, fmt.Errorf("recover %s: %w", r.Email, err)
	}
	return r, nil
}
