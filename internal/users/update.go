package users

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// apply changes what the request has and the user has not yet, in the database and in u. One call is one event, of the graver
// type, and its detail lists all changes, the longest last, since a detail that is too long is cut.
func apply(ctx context.Context, tx *db.Tx, u *db.User, req *paddockv1.UpdateUserRequest, roles []string) (audit.Event, error) {
	event := audit.Event{Type: audit.UserUpdated, TargetUserID: u.ID}
	update := tx.User.Update().Where(user.ID(u.ID)) // UpdateOne would read the row once more
	var changes []string
	if before := convert.Roles(u); req.GetRoles() != nil && !slices.Equal(before, roles) {
		update.ClearRoles().AddRoleIDs(roles...)
		event.Type = audit.RolesChanged
		changes = append(changes, fmt.Sprintf("roles [%s] to [%s]", strings.Join(before, ", "), strings.Join(roles, ", ")))
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
		changes = append(changes, fmt.Sprintf("display name %q to %q", u.DisplayName, req.GetDisplayName()))
		u.DisplayName = req.GetDisplayName()
	}
	if len(changes) == 0 {
		return event, audit.ErrNothingChanged
	}
	event.Detail = u.Email + ": " + strings.Join(changes, "; ")
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
