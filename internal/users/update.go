package users

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

// UpdateUser implements paddock.v1.UserService.
func (s *Service) UpdateUser(ctx context.Context, req *paddockv1.UpdateUserRequest) (*paddockv1.UpdateUserResponse, error) {
	id := uuid.MustParse(req.GetId())
	roles, err := roleNames(req.GetRoles())
	if err != nil {
		return nil, err
	}
	if req.Active == nil && req.GetRoles() == nil {
		switch u, err := s.rename(ctx, id, req); {
		case err == nil:
			return &paddockv1.UpdateUserResponse{User: convert.User(u)}, nil
		case !errors.Is(err, errNotRenamed):
			return nil, err
		}
	}
	mayTakeAdmin := req.Active != nil && !req.GetActive() || req.GetRoles() != nil && !slices.Contains(roles, caller.Admin)
	var u *db.User // as it is afterwards
	err = s.log.DoTo(ctx, id, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		if mayTakeAdmin {
			if err := lockAdmins(ctx, tx); err != nil {
				return audit.Event{}, err
			}
		}
		q := tx.User.Query().Where(user.ID(id)).WithRoles()
		if !s.store.Embedded() {
			q.ForUpdate() // otherwise the entry could describe a state before another's change
		}
		var err error
		if u, err = q.Only(ctx); err != nil {
			return audit.Event{}, err
		}
		event, err := apply(ctx, tx, u, req, roles)
		if err == nil && mayTakeAdmin {
			err = someAdminLeft(ctx, tx)
		}
		return event, err
	})
	switch {
	case db.IsNotFound(err):
		return nil, convert.ErrNoUser
	case errors.Is(err, errLastAdmin):
		return nil, s.log.Refuse(ctx, err, "UserService.UpdateUser: the last admin")
	}
	if err != nil {
		return nil, err
	}
	return &paddockv1.UpdateUserResponse{User: convert.User(u)}, nil
}

// errNotRenamed is the error of rename when there is nothing to change, or somebody else has changed the user meanwhile.
var errNotRenamed = errors.New("not renamed")

// rename changes the display name alone, which ends nobody's rights. The user is read before the transaction, which then asks for no
// answer before its commit and shares that with others; it fails if the user has changed in between.
func (s *Service) rename(ctx context.Context, id uuid.UUID, req *paddockv1.UpdateUserRequest) (*db.User, error) {
	read, found, err := s.rows.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if !found || req.DisplayName == nil || req.GetDisplayName() == read.DisplayName {
		return nil, errNotRenamed
	}
	u := *read // of which others have the original
	u.DisplayName = req.GetDisplayName()
	if u.UpdatedAt = store.Now(); !u.UpdatedAt.After(read.UpdatedAt) {
		u.UpdatedAt = read.UpdatedAt.Add(time.Microsecond)
	}
	err = s.log.Do(ctx, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		err := store.Send(ctx, tx, `UPDATE users SET display_name = $1, search = $2, updated_at = $3 WHERE id = $4 AND updated_at = $5`,
			u.DisplayName, searchText(u.Email, u.DisplayName, convert.User(&u).GetExternalId()), u.UpdatedAt, u.ID, read.UpdatedAt)
		if err == nil {
			err = s.store.RequireUnchanged(ctx, tx, `(SELECT count(*) FROM users WHERE id = $1 AND updated_at = $2)`, u.ID, u.UpdatedAt)
		}
		return updated(&u, []string{renamed(read, &u)}), err
	})
	if store.IsChanged(err) {
		err = errNotRenamed
	}
	return &u, err
}

// readRows reads users with their roles.
func (s *Service) readRows(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*db.User, error) {
	q := s.store.User.Query().Where(store.IsAmong(s.store, user.FieldID, ids), s.withRoleNames)
	q.Select(shown...)
	rows, err := q.All(ctx)
	if err == nil {
		err = setRoles(rows)
	}
	users := make(map[uuid.UUID]*db.User, len(rows))
	for _, u := range rows {
		users[u.ID] = u
	}
	return users, err
}

// updated returns the event of changes to a user, which are not of their roles.
func updated(u *db.User, changes []string) audit.Event {
	return audit.Event{Type: audit.UserUpdated, TargetUserID: u.ID, Detail: u.Email + ": " + strings.Join(changes, "; ")}
}

func renamed(before, after *db.User) string {
	return fmt.Sprintf("display name %q to %q", before.DisplayName, after.DisplayName)
}

// apply changes what the request has and the user has not yet, in the database and in u. One call is one event, of the graver
// type, and its detail lists all changes, the longest last, since a detail that is too long is cut.
func apply(ctx context.Context, tx *db.Tx, u *db.User, req *paddockv1.UpdateUserRequest, roles []string) (audit.Event, error) {
	before := *u
	kind := audit.UserUpdated
	update := tx.User.Update().Where(user.ID(u.ID)) // UpdateOne would read the row once more
	var changes []string
	if had := convert.Roles(u); req.GetRoles() != nil && !slices.Equal(had, roles) {
		update.ClearRoles().AddRoleIDs(roles...)
		kind = audit.RolesChanged
		changes = append(changes, fmt.Sprintf("roles [%s] to [%s]", strings.Join(had, ", "), strings.Join(roles, ", ")))
		u.Edges.Roles = nil
		for _, name := range roles {
			u.Edges.Roles = append(u.Edges.Roles, &db.Role{ID: name})
		}
	}
	ends := req.Active != nil && !req.GetActive() && u.Active
	if req.Active != nil && req.GetActive() != u.Active {
		update.SetActive(req.GetActive())
		changes = append(changes, fmt.Sprintf("active %t to %t", u.Active, req.GetActive()))
		u.Active = req.GetActive()
	}
	if req.DisplayName != nil && req.GetDisplayName() != u.DisplayName {
		update.SetDisplayName(req.GetDisplayName()).SetSearch(searchText(u.Email, req.GetDisplayName(), convert.User(u).GetExternalId()))
		u.DisplayName = req.GetDisplayName()
		changes = append(changes, renamed(&before, u))
	}
	if len(changes) == 0 {
		return audit.Event{}, audit.ErrNothingChanged
	}
	event := updated(u, changes)
	event.Type = kind
	u.UpdatedAt = store.Now()
	if err := update.SetUpdatedAt(u.UpdatedAt).Exec(ctx); err != nil || !ends {
		return event, err
	}
	// After the user's row, on which a sign-in waits: none can slip in between and live on.
	_, err := convert.EndSessions(ctx, tx, session.UserID(u.ID))
	return event, err
}

// roleNames returns the roles that the list names, sorted, and rejects unknown ones.
func roleNames(list *structpb.ListValue) ([]string, error) {
	var names []string
	for i, v := range list.GetValues() {
		name, ok := v.GetKind().(*structpb.Value_StringValue)
		if !ok || !slices.Contains([]string{caller.Admin, caller.User}, name.StringValue) {
			return nil, apierr.Invalid(fmt.Sprintf("roles[%d]", i), "must be one of: admin, user")
		}
		names = append(names, name.StringValue)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
