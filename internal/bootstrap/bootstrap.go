// Package bootstrap makes what a new installation needs to be of use: the roles, the first admin with a password, and a
// first API key.
package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/ent/db/role"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/convert"
	"github.com/paddock-gate/paddock/internal/email"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
)

// KeyLabel is the label of the first API key.
const KeyLabel = "bootstrap"

// Admin says whom to make.
type Admin struct {
	Email    string
	Password string // empty: a random one
	Force    bool   // set the password although there is another, and bring back an admin who was retired
}

// Made is what was newly made; what was there already is empty.
type Made struct {
	Email    string
	Password string
	APIKey   string
}

// roles are those that exist, in the order in which seeding replicas lock them.
var roles = []struct{ name, description string }{
	{caller.Admin, "Everything: users, keys, limits and the audit trail."},
	{caller.User, "Chat and embeddings; own profile, keys and usage."},
}

// Seed makes what is missing, all of it in one transaction. It may be run at any time, and by several replicas at once:
// one makes it, the others find it.
func Seed(ctx context.Context, s *store.Store, log *audit.Log, hasher *secret.Hasher, a Admin) (Made, error) {
	address, err := email.Normalize(a.Email)
	if err != nil {
		return Made{}, fmt.Errorf("bootstrap admin's email: %w", err)
	}
	old, err := passwordHash(ctx, s, address)
	if err != nil {
		return Made{}, fmt.Errorf("bootstrap: %w", err)
	}
	force := a.Force && old != ""
	if force && a.Password != "" {
		same, err := hasher.Verify(ctx, secret.Known, old, a.Password)
		if err != nil {
			return Made{}, fmt.Errorf("bootstrap: %w", err)
		}
		force = !same
	}
	done, err := complete(ctx, s, address, a.Force)
	if err != nil || done && !force {
		return Made{}, err
	}
	want := seeding{address: address, password: a.Password, force: a.Force, key: secret.NewKey()}
	if force {
		want.replaced = old
	}
	if want.password == "" {
		want.password = secret.NewPassword()
	}
	if want.hash, err = hasher.Hash(ctx, want.password); err != nil {
		return Made{}, fmt.Errorf("bootstrap: %w", err)
	}
	for attempt := 1; ; attempt++ {
		made, err := want.seed(ctx, log)
		if sqlgraph.IsUniqueConstraintError(err) && attempt < 3 {
			continue // another replica was faster; now there is less to make
		}
		return made, err
	}
}

// passwordHash is that of the user with the address; "" when there is none.
func passwordHash(ctx context.Context, s *store.Store, address string) (string, error) {
	u, err := s.User.Query().Where(user.Email(address)).Only(ctx)
	if db.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return u.PasswordHash, nil
}

// complete reports whether all is there, as it nearly always is, so that a start costs no hash and no lock.
func complete(ctx context.Context, s *store.Store, address string, force bool) (bool, error) {
	n, err := s.Role.Query().Count(ctx)
	if err != nil || n < len(roles) {
		return false, err
	}
	u, err := s.User.Query().Where(user.Email(address)).WithRoles().Only(ctx)
	switch {
	case db.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, err
	case !isAdmin(u):
		return retired(ctx, s.User, u, force)
	case u.PasswordHash == "":
		return false, nil
	}
	return u.QueryCredentials().Where(credential.LabelEQ(KeyLabel)).Exist(ctx)
}

func isAdmin(u *db.User) bool { return u.Active && slices.Contains(convert.Roles(u), caller.Admin) }

// retired reports whether a user who is no admin, or a disabled one, is to stay so: another admin is left who will have
// wanted it. By force, or when nobody could administer any longer, they come back.
func retired(ctx context.Context, users *db.UserClient, u *db.User, force bool) (bool, error) {
	if force {
		return false, nil
	}
	return users.Query().Where(user.IDNEQ(u.ID), user.Active(true), user.HasRolesWith(role.ID(caller.Admin))).Exist(ctx)
}

// seeding is what to make when it is missing.
type seeding struct {
	address        string
	password, hash string
	replaced       string // the hash that gives way to it by force; "" for none
	force          bool
	key            secret.Key
}

func (w seeding) seed(ctx context.Context, log *audit.Log) (Made, error) {
	var made Made
	err := log.Do(ctx, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		made = Made{}
		if err := ensureRoles(ctx, tx); err != nil {
			return audit.Event{}, err
		}
		admin, err := w.ensureAdmin(ctx, tx, &made)
		if err != nil {
			return audit.Event{}, err
		}
		if admin != uuid.Nil {
			if err := w.ensureKey(ctx, tx, admin, &made); err != nil {
				return audit.Event{}, err
			}
		}
		if made == (Made{}) {
			return audit.Event{}, audit.ErrNothingChanged
		}
		return audit.Event{Type: audit.Bootstrap, TargetUserID: admin, Detail: made.detail()}, nil
	})
	if err != nil {
		return Made{}, fmt.Errorf("bootstrap: %w", err)
	}
	return made, nil
}

// ensureRoles also holds the roles' rows until the transaction ends, so that seeding replicas wait for one another.
func ensureRoles(ctx context.Context, tx *db.Tx) error {
	for _, r := range roles {
		err := tx.Role.Create().SetID(r.name).SetDescription(r.description).
			OnConflictColumns(role.FieldID).UpdateNewValues().
			Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// ensureAdmin makes the admin, or brings them back. uuid.Nil stands for one who was retired and stays so.
func (w seeding) ensureAdmin(ctx context.Context, tx *db.Tx, made *Made) (uuid.UUID, error) {
	u, err := tx.User.Query().Where(user.Email(w.address)).WithRoles().Only(ctx)
	if db.IsNotFound(err) {
		made.Email, made.Password = w.address, w.password
		u, err = tx.User.Create().
			SetEmail(w.address).SetSearch(w.address).SetPasswordHash(w.hash).AddRoleIDs(caller.Admin).
			Save(ctx)
		if err != nil {
			return uuid.Nil, err
		}
		return u.ID, nil
	}
	if err != nil {
		return uuid.Nil, err
	}
	if !isAdmin(u) {
		if stays, err := retired(ctx, tx.User, u, w.force); err != nil || stays {
			return uuid.Nil, err
		}
	}
	hash := ""
	if u.PasswordHash == w.replaced { // another replica's password stays
		made.Password, hash = w.password, w.hash
	}
	changes, err := reinstate(ctx, tx, u, hash)
	if len(changes) > 0 {
		made.Email = w.address
	}
	return u.ID, err
}

// reinstate makes the user an active admin again, with the password of the hash unless that is "", and returns what it has
// changed but for the password. With the old password their sessions end.
func reinstate(ctx context.Context, tx *db.Tx, u *db.User, hash string) (changes []string, err error) {
	update := tx.User.UpdateOne(u)
	if !slices.Contains(convert.Roles(u), caller.Admin) {
		changes = append(changes, "made admin again")
		update.AddRoleIDs(caller.Admin)
	}
	if !u.Active {
		changes = append(changes, "made active again")
		update.SetActive(true)
	}
	if hash != "" {
		update.SetPasswordHash(hash)
	}
	if len(changes) == 0 && hash == "" {
		return nil, nil
	}
	if err := update.Exec(ctx); err != nil || hash == "" {
		return changes, err
	}
	_, err = convert.EndSessions(ctx, tx, session.UserID(u.ID))
	return changes, err
}

// ensureKey makes a key unless there has ever been one: an admin who revoked it wants no other.
func (w seeding) ensureKey(ctx context.Context, tx *db.Tx, admin uuid.UUID, made *Made) error {
	exists, err := tx.Credential.Query().Where(credential.UserID(admin), credential.LabelEQ(KeyLabel)).Exist(ctx)
	if err != nil || exists {
		return err
	}
	made.APIKey = w.key.String()
	return tx.Credential.Create().
		SetUserID(admin).SetLabel(KeyLabel).SetKeyID(w.key.ID).SetKeyHash(secret.HashKey(w.key)).
		Exec(ctx)
}

func (m Made) detail() string {
	var parts []string
	if m.Email != "" {
		parts = append(parts, "admin "+m.Email)
	}
	if m.Password != "" {
		parts = append(parts, "a password")
	}
	if m.APIKey != "" {
		parts = append(parts, "an API key labelled "+KeyLabel)
	}
	return "made " + strings.Join(parts, ", ")
}
