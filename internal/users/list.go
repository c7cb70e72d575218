package users

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"entgo.io/ent/dialect/sql"
	"google.golang.org/protobuf/proto"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/predicate"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/ent/db/userrole"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/convert"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/page"
	"github.com/paddock-gate/paddock/internal/store"
)

const defaultPageSize = 50

// ListUsers implements paddock.v1.UserService: a keyset page, so that a deep one costs as much as the first; the rows are
// counted once, with the first page, and the token carries the number on.
func (s *Service) ListUsers(ctx context.Context, req *paddockv1.ListUsersRequest) (*paddockv1.ListUsersResponse, error) {
	size := cmp.Or(int(req.GetPageSize()), defaultPageSize)
	filters := proto.CloneOf(req)
	filters.PageSize, filters.PageToken = 0, ""

	q := s.store.User.Query()
	found, matches, err := s.matching(ctx, strings.TrimSpace(req.GetQuery()))
	if err != nil {
		return nil, err
	}
	q.Where(matches)
	if req.GetRole() != "" {
		members, err := s.members(ctx, req.GetRole())
		if err != nil {
			return nil, err
		}
		q.Where(members)
	}
	if req.Active != nil {
		q.Where(isActive(req.GetActive()))
	}
	sorted := orders[req.GetOrderBy()]
	var at page.Position
	if token := req.GetPageToken(); token != "" {
		if at, err = page.Parse(token, filters); err != nil {
			return nil, apierr.Invalid("page_token", err.Error())
		}
		q.Where(sorted.behind(at))
	} else {
		total, err := s.total(ctx, filters, found, q.Clone())
		if err != nil {
			return nil, err
		}
		at.Total = int32(total)
	}
	q.Select(shown...)
	times := store.PlainTimes(s.store, user.FieldCreatedAt, user.FieldUpdatedAt, user.FieldLastLoginAt)
	rows, err := q.Where(times, s.withRoleNames).Order(sorted.by...).Limit(size + 1).All(ctx)
	if err != nil {
		return nil, err
	}
	m := &paddockv1.ListUsersResponse{TotalSize: at.Total}
	if len(rows) > size {
		rows = rows[:size]
		m.NextPageToken = page.Token(position(rows[size-1], at.Total), filters)
	}
	if err := setRoles(rows); err != nil {
		return nil, err
	}
	for _, u := range rows {
		m.Users = append(m.Users, convert.User(u))
	}
	return m, nil
}

// shown are the columns that a user's message is made of.
var shown = []string{
	user.FieldEmail, user.FieldDisplayName, user.FieldExternalID, user.FieldActive, user.FieldCreatedAt, user.FieldUpdatedAt, user.FieldLastLoginAt,
}

// roleColumn is the column that withRoleNames adds.
const roleColumn = "role_names"

// withRoleNames selects with each user the names of its roles, for setRoles. Ent's WithRoles would ask for them in two more queries, of
// which a page takes a third longer.
func (s *Service) withRoleNames(q *sql.Selector) {
	roles := sql.Table(userrole.Table)
	names := "string_agg(" + roles.C(userrole.FieldRoleID) + ", ',')"
	if s.store.Embedded() {
		names = "group_concat(" + roles.C(userrole.FieldRoleID) + ")"
	}
	q.AppendSelectExprAs(sql.Select(names).From(roles).Where(sql.ColumnsEQ(roles.C(userrole.FieldUserID), q.C(user.FieldID))), roleColumn)
}

// setRoles gives users that were read with withRoleNames their roles, of which they have the names alone.
func setRoles(users []*db.User) error {
	for _, u := range users {
		column, err := u.Value(roleColumn)
		if err != nil {
			return err
		}
		names, _ := column.(string) // NULL: none
		for name := range strings.FieldsFuncSeq(names, func(r rune) bool { return r == ',' }) {
			u.Edges.Roles = append(u.Edges.Roles, &db.Role{ID: name})
		}
	}
	return nil
}

// order is a way to sort users: the columns, the last of them unique, and the users after a position.
type order struct {
	by     []user.OrderOption
	behind func(page.Position) predicate.User
}

var (
	newestFirst = order{
		by: []user.OrderOption{user.ByCreatedAt(sql.OrderDesc()), user.ByID(sql.OrderDesc())},
		behind: func(at page.Position) predicate.User {
			// The first condition is implied; it is what the index is searched by.
			return user.And(user.CreatedAtLTE(at.Time), user.Or(user.CreatedAtLT(at.Time), user.IDLT(at.ID)))
		},
	}
	oldestFirst = order{
		by: []user.OrderOption{user.ByCreatedAt(), user.ByID()},
		behind: func(at page.Position) predicate.User {
			return user.And(user.CreatedAtGTE(at.Time), user.Or(user.CreatedAtGT(at.Time), user.IDGT(at.ID)))
		},
	}
	// orders are the ways to sort, by their names in the contract.
	orders = map[string]order{
		"":                newestFirst,
		"created_at desc": newestFirst,
		"created_at":      oldestFirst,
		"email": {
			by:     []user.OrderOption{user.ByEmail()},
			behind: func(at page.Position) predicate.User { return user.EmailGT(at.Key) },
		},
		"email desc": {
			by:     []user.OrderOption{user.ByEmail(sql.OrderDesc())},
			behind: func(at page.Position) predicate.User { return user.EmailLT(at.Key) },
		},
	}
)

func position(u *db.User, total int32) page.Position {
	return page.Position{Time: u.CreatedAt, ID: u.ID, Key: u.Email, Total: total}
}

// isActive compares, as the index needs it on the embedded database; Ent's own predicate says "active" or "NOT active".
func isActive(active bool) predicate.User {
	return func(q *sql.Selector) {
		q.Where(sql.P(func(b *sql.Builder) { b.Ident(q.C(user.FieldActive)).WriteOp(sql.OpEQ).Arg(active) }))
	}
}

// total returns how many users q, which has the filters, matches. Of a search, which has found so many, up to page.Exact+1 are counted:
// each text is another count, which nobody would use again.
func (s *Service) total(ctx context.Context, filters *paddockv1.ListUsersRequest, found int, q *db.UserQuery) (int, error) {
	if strings.TrimSpace(filters.GetQuery()) != "" {
		if filters.GetRole() == "" && filters.Active == nil {
			return found, nil
		}
		ids, err := q.Limit(page.Exact + 1).IDs(ctx)
		return len(ids), err
	}
	kind := fmt.Sprint("users", filters.GetRole(), filters.Active != nil, filters.GetActive())
	return s.counts.Of(store.Slow(ctx), kind, q.Count)
}

// matching matches the users whose text contains the given one, and returns how many do, up to page.Exact+1. As with members, few
// are looked up, and where there are many each user is asked.
func (s *Service) matching(ctx context.Context, text string) (found int, matches predicate.User, err error) {
	if text == "" {
		return 0, func(*sql.Selector) {}, nil
	}
	text = searchText(text)
	ids, few, err := s.store.FindUsers(ctx, text, page.Exact)
	if few {
		return len(ids), store.IsAmong(s.store, user.FieldID, ids), err
	}
	return len(ids), user.SearchContains(text), err
}

// members matches the users with the role. The members of a role that few have are looked up, and where many have it each
// user is asked: one of the two would read all of the table, and SQLite does not know which.
func (s *Service) members(ctx context.Context, name string) (predicate.User, error) {
	n, err := s.counts.Of(store.Slow(ctx), "members of "+name, s.store.UserRole.Query().Where(userrole.RoleID(name)).Count)
	if err != nil {
		return nil, err
	}
	return func(q *sql.Selector) {
		roles := sql.Table(userrole.Table)
		members := sql.Select(roles.C(userrole.FieldUserID)).From(roles).Where(sql.EQ(roles.C(userrole.FieldRoleID), name))
		if n <= page.Exact {
			q.Where(sql.In(q.C(user.FieldID), members))
			return
		}
		q.Where(sql.Exists(members.Where(sql.ColumnsEQ(roles.C(userrole.FieldUserID), q.C(user.FieldID)))))
	}, nil
}
