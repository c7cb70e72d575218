// Package users manages the people and services that have an account.
package users

import (
	"context"
	"errors"
	"strings"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/ent/db/role"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/coalesce"
	"github.com/paddock-gate/paddock/internal/convert"
	"github.com/paddock-gate/paddock/internal/email"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/idempotency"
	"github.com/paddock-gate/paddock/internal/page"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
)

// Service is the UserService.
type Service struct {
	store             *store.Store
	log               *audit.Log
	hasher            *secret.Hasher
	passwordMinLength int
	counts            page.Counts
	rows              *coalesce.Reads[uuid.UUID, *db.User] // with their roles
}

// New returns the service.
func New(s *store.Store, log *audit.Log, hasher *secret.Hasher, passwordMinLength int) *Service {
	service := &Service{store: s, log: log, hasher: hasher, passwordMinLength: passwordMinLength}
	service.rows = store.NewReads(s, service.readRows)
	return service
}

var (
	errEmailTaken      = apierr.Field(connect.CodeAlreadyExists, apierr.EmailTaken, "email", "another user has this email")
	errExternalIDTaken = apierr.Field(connect.CodeAlreadyExists, apierr.ExternalIDTaken, "external_id", "another user has this external id")
	errLastAdmin       = apierr.New(connect.CodeFailedPrecondition, apierr.LastAdmin,
		"this is the last active admin; make another user an admin first")
)

// CreateUser implements paddock.v1.UserService.
func (s *Service) CreateUser(ctx context.Context, req *paddockv1.CreateUserRequest) (*paddockv1.CreateUserResponse, error) {
	address, err := email.Normalize(req.GetEmail())
	if err != nil {
		return nil, apierr.Invalid("email", err.Error())
	}
	if existing, err := s.withExternalID(ctx, req.GetExternalId(), address); existing != nil || err != nil {
		return &paddockv1.CreateUserResponse{User: existing}, err
	}
	hash := ""
	if req.GetPassword() != "" {
		if hash, err = s.hash(ctx, req.GetPassword(), address, req.GetDisplayName()); err != nil {
			return nil, err
		}
	}
	id := uuid.Must(uuid.NewV7())
	earlier, repeated, err := idempotency.Once(ctx, s.store.Client, req, func(remember idempotency.Remember) error {
		return s.log.Do(ctx, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
			now := store.Now()
			create := tx.User.Create().
				SetID(id).
				SetEmail(address).
				SetDisplayName(req.GetDisplayName()).
				SetSearch(searchText(address, req.GetDisplayName(), req.GetExternalId())).
				SetPasswordHash(hash).
				SetCreatedAt(now).SetUpdatedAt(now).
				AddRoleIDs(req.GetRoles()...)
			if req.GetExternalId() != "" {
				create.SetExternalID(req.GetExternalId())
			}
			if err := create.Exec(ctx); err != nil {
				return audit.Event{}, err
			}
			return audit.Event{
				Type: audit.UserCreated, TargetUserID: id, Detail: address + rolesDetail(req.GetRoles()),
			}, remember(ctx, tx, id)
		})
	})
	switch emailTaken := store.Taken(err, "users.email"); {
	case repeated:
		id = earlier
	case emailTaken || store.Taken(err, "users.external_id"):
		// Perhaps by a concurrent call for the same user.
		existing, err := s.withExternalID(ctx, req.GetExternalId(), address)
		switch {
		case existing != nil || err != nil:
			return &paddockv1.CreateUserResponse{User: existing}, err
		case emailTaken:
			return nil, errEmailTaken
		}
		return nil, errExternalIDTaken
	case err != nil:
		return nil, err
	}
	u, err := s.get(ctx, id)
	return &paddockv1.CreateUserResponse{User: u}, err
}

// withExternalID returns the user with the external id; nil when there is none or the id is empty. If that user has
// another email, the id is taken.
func (s *Service) withExternalID(ctx context.Context, externalID, address string) (*paddockv1.User, error) {
	if externalID == "" {
		return nil, nil
	}
	u, err := s.store.User.Query().Where(user.ExternalID(externalID)).WithRoles().Only(ctx)
	switch {
	case db.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	case u.Email != address:
		return nil, errExternalIDTaken
	}
	return convert.User(u), nil
}

// GetUser implements paddock.v1.UserService.
func (s *Service) GetUser(ctx context.Context, req *paddockv1.GetUserRequest) (*paddockv1.GetUserResponse, error) {
	u, err := s.get(ctx, uuid.MustParse(req.GetId()))
	return &paddockv1.GetUserResponse{User: u}, err
}

func (s *Service) get(ctx context.Context, id uuid.UUID) (*paddockv1.User, error) {
	u, err := s.store.User.Query().Where(user.ID(id)).WithRoles().Only(ctx)
	if db.IsNotFound(err) {
		return nil, convert.ErrNoUser
	}
	if err != nil {
		return nil, err
	}
	return convert.User(u), nil
}

// DeleteUser implements paddock.v1.UserService.
func (s *Service) DeleteUser(ctx context.Context, req *paddockv1.DeleteUserRequest) (*paddockv1.DeleteUserResponse, error) {
	id := uuid.MustParse(req.GetId())
	err := s.log.DoTo(ctx, id, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		if err := lockAdmins(ctx, tx); err != nil {
			return audit.Event{}, err
		}
		u, err := tx.User.Get(ctx, id)
		if db.IsNotFound(err) {
			return audit.Event{}, convert.ErrNoUser
		}
		if err != nil {
			return audit.Event{}, err
		}
		keys, err := tx.Credential.Query().Where(credential.UserID(id)).IDs(ctx)
		if err != nil {
			return audit.Event{}, err
		}
		if len(keys) > 0 {
			if _, err := convert.RevokeIssued(ctx, tx, keys...); err != nil {
				return audit.Event{}, err
			}
		}
		if err := tx.User.DeleteOne(u).Exec(ctx); err != nil {
			return audit.Event{}, err
		}
		return audit.Event{Type: audit.UserDeleted, TargetUserID: id, Detail: u.Email}, someAdminLeft(ctx, tx)
	})
	if errors.Is(err, errLastAdmin) {
		return nil, s.log.Refuse(ctx, err, "UserService.DeleteUser: the last admin")
	}
	if err != nil {
		return nil, err
	}
	return &paddockv1.DeleteUserResponse{}, nil
}

// SetPassword implements paddock.v1.UserService.
func (s *Service) SetPassword(ctx context.Context, req *paddockv1.SetPasswordRequest) (*paddockv1.SetPasswordResponse, error) {
	id := uuid.MustParse(req.GetUserId())
	u, err := s.get(ctx, id)
	if err != nil {
		return nil, err
	}
	hash, err := s.hash(ctx, req.GetPassword(), u.GetEmail(), u.GetDisplayName())
	if err != nil {
		return nil, err
	}
	err = s.log.DoTo(ctx, id, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		n, err := tx.User.Update().Where(user.ID(id)).SetPasswordHash(hash).Save(ctx)
		if err != nil {
			return audit.Event{}, err
		}
		if n == 0 {
			return audit.Event{}, convert.ErrNoUser
		}
		_, err = convert.EndSessions(ctx, tx, session.UserID(id))
		return audit.Event{Type: audit.PasswordSet, TargetUserID: id, Detail: u.GetEmail()}, err
	})
	if err != nil {
		return nil, err
	}
	return &paddockv1.SetPasswordResponse{}, nil
}

// hash checks the password against the rules, and the texts that it must not resemble, and hashes it.
func (s *Service) hash(ctx context.Context, password string, not ...string) (string, error) {
	if err := secret.CheckPassword(password, s.passwordMinLength, not...); err != nil {
		return "", apierr.WeakPassword("password", err)
	}
	return s.hasher.Hash(ctx, password)
}

// ListRoles implements paddock.v1.UserService.
func (s *Service) ListRoles(ctx context.Context, _ *paddockv1.ListRolesRequest) (*paddockv1.ListRolesResponse, error) {
	rows, err := s.store.Role.Query().Order(role.ByID()).All(ctx)
	if err != nil {
		return nil, err
	}
	m := &paddockv1.ListRolesResponse{}
	for _, r := range rows {
		m.Roles = append(m.Roles, roleMessage(r))
	}
	return m, nil
}

func roleMessage(r *db.Role) *paddockv1.Role {
	return &paddockv1.Role{Name: r.ID, Description: r.Description, Models: convert.Models(r.Models)}
}

// SetRoleModels implements paddock.v1.UserService.
func (s *Service) SetRoleModels(ctx context.Context, req *paddockv1.SetRoleModelsRequest) (*paddockv1.SetRoleModelsResponse, error) {
	models, err := convert.ParseModels(req.GetModels())
	if err != nil {
		return nil, err
	}
	var r *db.Role
	err = s.log.Do(ctx, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		q := tx.Role.Query().Where(role.ID(req.GetName()))
		if !s.store.Embedded() {
			q.ForUpdate() // otherwise the entry could describe a state before another's change
		}
		before, err := q.Only(ctx)
		if err != nil {
			return audit.Event{}, err
		}
		update := before.Update().SetNillableModels(models)
		if models == nil {
			update.ClearModels()
		}
		r, err = update.Save(ctx)
		return audit.Event{
			Type: audit.ModelsChanged, Detail: "role " + req.GetName() + ": " + convert.DescribeModels(models, before.Models),
		}, err
	})
	if db.IsNotFound(err) {
		return nil, apierr.NotFound("role")
	}
	if err != nil {
		return nil, err
	}
	return &paddockv1.SetRoleModelsResponse{Role: roleMessage(r)}, nil
}

// lockAdmins serializes the transactions that may remove an admin: without it, two admins who demote each other at once leave
// none. Writing the role's row unchanged is a lock on both databases.
func lockAdmins(ctx context.Context, tx *db.Tx) error {
	_, err := store.Exec(ctx, tx, `UPDATE roles SET description = description WHERE id = $1`, caller.Admin)
	return err
}

// someAdminLeft fails with LAST_ADMIN when the transaction leaves no active admin. It needs the lock of lockAdmins.
func someAdminLeft(ctx context.Context, tx *db.Tx) error {
	ok, err := tx.User.Query().Where(user.Active(true), user.HasRolesWith(role.ID(caller.Admin))).Exist(ctx)
	if err == nil && !ok {
		return errLastAdmin
	}
	return err
}

// searchText is what ListUsers searches in, and for: in lower case, with accents composed.
func searchText(texts ...string) string {
	return strings.ToLower(norm.NFC.String(strings.Join(texts, "\n")))
}

func rolesDetail(roles []string) string {
	if len(roles) == 0 {
		return ", no roles"
	}
	return ", roles " + strings.Join(roles, ", ")
}
