package users_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/role"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/caller"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

func roles(t testing.TB, names ...any) *structpb.ListValue {
	t.Helper()
	list, err := structpb.NewList(names)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func update(t testing.TB, a *apptest.App, credential string, req *paddockv1.UpdateUserRequest) (*paddockv1.User, error) {
	t.Helper()
	m, err := a.As(credential).Users.UpdateUser(t.Context(), req)
	return m.GetUser(), err
}

func TestUpdateUser_OnlyFieldsThatAreSet(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := mustCreate(t, a, &paddockv1.CreateUserRequest{Email: "ada@example.com", DisplayName: "Ada", ExternalId: "E", Roles: []string{"user"}})
		before := p
		for _, step := range []struct {
			req    *paddockv1.UpdateUserRequest
			want   string // name, active, roles
			event  string
			detail string
		}{
			{&paddockv1.UpdateUserRequest{}, "Ada true [user]", "", ""},
			{&paddockv1.UpdateUserRequest{DisplayName: new("Ada"), Active: new(true), Roles: roles(t, "user")}, "Ada true [user]", "", ""},
			{&paddockv1.UpdateUserRequest{DisplayName: new("Lady")}, "Lady true [user]", "user_updated", `display name "Ada" to "Lady"`},
			{&paddockv1.UpdateUserRequest{DisplayName: new("")}, " true [user]", "user_updated", `display name "Lady" to ""`},
			{&paddockv1.UpdateUserRequest{Active: new(false)}, " false [user]", "user_updated", `active true to false`},
			{&paddockv1.UpdateUserRequest{Roles: roles(t, "user", "admin", "user")}, " false [admin user]", "roles_changed", `roles [user] to [admin, user]`},
			{&paddockv1.UpdateUserRequest{Roles: roles(t)}, " false []", "roles_changed", `roles [admin, user] to []`},
			{&paddockv1.UpdateUserRequest{Roles: roles(t)}, " false []", "", ""},
			{
				&paddockv1.UpdateUserRequest{DisplayName: new("A"), Active: new(true), Roles: roles(t, "user")}, "A true [user]",
				"roles_changed", `roles [] to [user]; active false to true; display name "" to "A"`,
			},
		} {
			entries := len(a.Entries(t, ""))
			step.req.Id = p.GetId()
			u, err := update(t, a, a.AdminKey, step.req)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(u.GetDisplayName(), " ", u.GetActive(), " ", u.GetRoles()); got != step.want {
				t.Errorf("%v: %s, want %s", step.req, got, step.want)
			}
			if u.GetEmail() != p.GetEmail() || u.GetExternalId() != "E" || !u.GetCreatedAt().AsTime().Equal(p.GetCreatedAt().AsTime()) {
				t.Errorf("%v: %v", step.req, u)
			}
			if changed := u.GetUpdatedAt().AsTime().After(before.GetUpdatedAt().AsTime()); changed != (step.event != "") {
				t.Errorf("%v: updated_at went from %s to %s", step.req, before.GetUpdatedAt().AsTime(), u.GetUpdatedAt().AsTime())
			}
			before = u
			trail := a.Entries(t, "")
			if step.event == "" {
				if len(trail) != entries {
					t.Errorf("%v: nothing changed, but %v", step.req, trail[0])
				}
				continue
			}
			if e := trail[0]; len(trail) != entries+1 || e.GetEventType() != step.event || e.GetTargetUserId() != p.GetId() ||
				e.GetDetail() != "ada@example.com: "+step.detail {
				t.Errorf("%v: %d entries, the last %v", step.req, len(trail)-entries, e)
			}
		}
	})
}

func TestUpdateUser_UnknownRoles(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		for _, list := range []*structpb.ListValue{
			roles(t, "root"), roles(t, "user", ""), roles(t, "Admin"), roles(t, "user", 1), roles(t, nil), roles(t, []any{"user"}), roles(t, "admin "),
		} {
			_, err := update(t, a, a.AdminKey, &paddockv1.UpdateUserRequest{Id: p.GetId(), Roles: list})
			apptest.WantReason(t, err, apierr.InvalidArgument)
			if got := violated(t, err); len(got) != 1 || !strings.HasPrefix(got[0], "roles[") {
				t.Errorf("%v: the fields %q are named", list, got)
			}
		}
		if m, _ := a.Admin().Users.ListRoles(t.Context(), &paddockv1.ListRolesRequest{}); len(m.GetRoles()) != 2 {
			t.Errorf("roles %v", m.GetRoles())
		}
	})
}

// TestUpdateUser_RolesCountFromTheNextCall promises it for a promotion and for a demotion, by session and by key, and that a member
// cannot do either to themself.
func TestUpdateUser_RolesCountFromTheNextCall(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		may := func(credential string) bool {
			_, err := a.As(credential).Users.ListRoles(t.Context(), &paddockv1.ListRolesRequest{})
			if err != nil && apptest.Reason(err) != apierr.AccessDenied {
				t.Error(err)
			}
			return err == nil
		}
		_, err := update(t, a, p.Token, &paddockv1.UpdateUserRequest{Id: p.GetId(), Roles: roles(t, "admin")})
		apptest.WantReason(t, err, apierr.AccessDenied)
		for range 2 {
			for _, step := range []struct {
				roles *structpb.ListValue
				admin bool
			}{{roles(t, "admin"), true}, {roles(t, "user"), false}} {
				if _, err := update(t, a, a.AdminKey, &paddockv1.UpdateUserRequest{Id: p.GetId(), Roles: step.roles}); err != nil {
					t.Fatal(err)
				}
				if may(p.Token) != step.admin || may(p.Key) != step.admin {
					t.Errorf("after %v: may by session %t, by key %t", step.roles, may(p.Token), may(p.Key))
				}
			}
		}
	})
}

func TestLastAdmin_Stays(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m, err := a.Admin().Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
		if err != nil {
			t.Fatal(err)
		}
		last := m.GetUser().GetId()
		sleeping := a.NewPerson(t, "admin") // an inactive admin is none
		if _, err := update(t, a, a.AdminKey, &paddockv1.UpdateUserRequest{Id: sleeping.GetId(), Active: new(false)}); err != nil {
			t.Fatal(err)
		}
		for _, req := range []*paddockv1.UpdateUserRequest{
			{Id: last, Roles: roles(t)},
			{Id: last, Roles: roles(t, "user")},
			{Id: last, Active: new(false)},
			{Id: last, Active: new(false), Roles: roles(t, "admin"), DisplayName: new("x")},
		} {
			_, err := update(t, a, a.AdminKey, req)
			apptest.WantReason(t, err, apierr.LastAdmin)
		}
		_, err = a.Admin().Users.DeleteUser(t.Context(), &paddockv1.DeleteUserRequest{Id: last})
		apptest.WantReason(t, err, apierr.LastAdmin)
		if n := len(a.Entries(t, "user_updated")) + len(a.Entries(t, "roles_changed")) + len(a.Entries(t, "user_deleted")); n != 1 {
			t.Errorf("%d entries, want that of the sleeping admin alone", n)
		}
		// With another admin it goes, to oneself too.
		if _, err := update(t, a, a.AdminKey, &paddockv1.UpdateUserRequest{Id: sleeping.GetId(), Active: new(true)}); err != nil {
			t.Fatal(err)
		}
		if _, err := update(t, a, a.AdminKey, &paddockv1.UpdateUserRequest{Id: last, Roles: roles(t)}); err != nil {
			t.Error(err)
		}
		_, err = update(t, a, a.AdminKey, &paddockv1.UpdateUserRequest{Id: last, Roles: roles(t, "admin")})
		apptest.WantReason(t, err, apierr.AccessDenied)
	})
}

// TestLastAdmin_ConcurrentDemotions lets two admins demote, deactivate or delete each other at the same time, again and
// again. It also shows that without the lock both would succeed.
func TestLastAdmin_ConcurrentDemotions(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		first := a.NewPerson(t, "admin")
		m, err := a.Admin().Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := update(t, a, first.Key, &paddockv1.UpdateUserRequest{Id: m.GetUser().GetId(), Roles: roles(t)}); err != nil {
			t.Fatal(err)
		}
		take := []func(by, whom *apptest.Person) error{
			func(by, whom *apptest.Person) error {
				_, err := update(t, a, by.Key, &paddockv1.UpdateUserRequest{Id: whom.GetId(), Roles: roles(t, "user")})
				return err
			},
			func(by, whom *apptest.Person) error {
				_, err := update(t, a, by.Key, &paddockv1.UpdateUserRequest{Id: whom.GetId(), Active: new(false)})
				return err
			},
			func(by, whom *apptest.Person) error {
				_, err := a.As(by.Key).Users.DeleteUser(t.Context(), &paddockv1.DeleteUserRequest{Id: whom.GetId()})
				return err
			},
		}
		a.AdminKey = first.Key
		for round := range 20 {
			other := a.NewPerson(t, "admin")
			two := [2]*apptest.Person{first, other}
			var errs [2]error
			apptest.AtOnce(2, func(i int) { errs[i] = take[(round+i*round/3)%3](two[i], two[1-i]) })
			if admins(t, a) == 0 {
				t.Fatalf("round %d: no admin is left", round)
			}
			for i, err := range errs {
				switch apptest.Reason(err) {
				case "":
					if err != nil {
						t.Errorf("round %d: %v", round, err)
					}
					first = two[i] // who succeeded is still there
				case apierr.LastAdmin, apierr.Unauthenticated, apierr.AccessDenied:
				default:
					t.Errorf("round %d: %v", round, err)
				}
			}
			a.AdminKey = first.Key
		}
		if a.Store.Embedded() {
			return // one writer at a time
		}
		one, two := a.NewPerson(t, "admin"), first
		if naive(t, a, one.GetId(), two.GetId()); admins(t, a) != 0 {
			t.Errorf("without a lock %d admins are left: this test shows nothing", admins(t, a))
		}
	})
}

func admins(t testing.TB, a *apptest.App) int {
	t.Helper()
	n, err := a.Store.User.Query().Where(user.Active(true), user.HasRolesWith(role.ID(caller.Admin))).Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// naive demotes both at once, each in a transaction that looks first whether another admin is left.
func naive(t *testing.T, a *apptest.App, ids ...string) {
	t.Helper()
	var looked, done sync.WaitGroup
	looked.Add(len(ids))
	for _, id := range ids {
		done.Go(func() {
			err := a.Store.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				if _, err := store.Exec(store.WithWrites(ctx), tx, `DELETE FROM user_roles WHERE user_id = $1`, id); err != nil {
					return err
				}
				left, err := tx.User.Query().Where(user.Active(true), user.HasRolesWith(role.ID(caller.Admin))).Exist(ctx)
				looked.Done()
				looked.Wait()
				if err == nil && !left {
					t.Error("the naive check has seen it")
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
}

// TestUpdateUser_ConcurrentSignIn lets a user sign in while an admin deactivates them: a session that began a moment
// before must not come back to life when the user does.
func TestUpdateUser_ConcurrentSignIn(t *testing.T) {
	env := apptest.Env{"TRUSTED_PROXIES": "127.0.0.0/8"}
	apptest.EachWith(t, env, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		for round := range 10 {
			network := fmt.Sprintf("10.0.0.%d", round) // failures of other rounds do not count
			var in atomic.Int64
			apptest.AtOnce(5, func(i int) {
				if i == 0 {
					if _, err := update(t, a, a.AdminKey, &paddockv1.UpdateUserRequest{Id: p.GetId(), Active: new(false)}); err != nil {
						t.Error(err)
					}
					return
				}
				if _, err := a.As("", apptest.WithHeader("X-Forwarded-For", network)).Auth.Login(t.Context(), &paddockv1.LoginRequest{
					Email: p.GetEmail(), Password: p.Password,
				}); err == nil {
					in.Add(1)
				}
			})
			n, err := a.Store.Session.Query().Where(session.RevokedAtIsNil(), session.HasUserWith(user.Email(p.GetEmail()))).Count(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if n > 0 {
				t.Fatalf("%d of %d sessions of an inactive user are alive", n, in.Load())
			}
			if _, err := update(t, a, a.AdminKey, &paddockv1.UpdateUserRequest{Id: p.GetId(), Active: new(true)}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestUpdateUser_EntriesOfConcurrentChanges: each says what was there before, which is what the one before it left.
func TestUpdateUser_EntriesOfConcurrentChanges(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		u := mustCreate(t, a, &paddockv1.CreateUserRequest{Email: "ada@example.com"})
		var writers sync.WaitGroup
		for w := range 8 {
			writers.Go(func() {
				for i := range 6 {
					name := fmt.Sprintf("%d-%d", w, i)
					if _, err := update(t, a, a.AdminKey, &paddockv1.UpdateUserRequest{Id: u.GetId(), DisplayName: &name}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
		followedBy := map[string]int{}
		for _, e := range a.Entries(t, "user_updated") {
			before, after, _ := strings.Cut(strings.TrimPrefix(e.GetDetail(), "ada@example.com: display name "), " to ")
			followedBy[before]++
			followedBy[after] += 0
		}
		for name, n := range followedBy {
			if n > 1 {
				t.Errorf("%d changes were made to %s", n, name)
			}
		}
	})
}
