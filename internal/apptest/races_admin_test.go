package apptest_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db/role"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/caller"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// TestRaces_LastAdmin has all three admins that there are take the admins from each other, and from themselves, each in all ways and
// on all replicas at once: one admin is always left.
func TestRaces_LastAdmin(t *testing.T) {
	eachFleet(t, nil, func(t *testing.T, fleet []*apptest.App) {
		a := fleet[0]
		admins := newAdmins(t, a, 3)
		must(t, takeAdmin(t, a.AsGRPC(admins[0].Key), whoIs(t, a.Admin()), 0))
		for round := range raceRounds(4) {
			takeFromEachOther(t, fleet, admins, round)
			left := admins[:0]
			for _, p := range admins {
				if isActiveAdmin(t, a, p.GetId()) {
					left = append(left, p)
				}
			}
			if len(left) == 0 {
				t.Fatalf("round %d: no admin is left", round)
			}
			a.AdminKey = left[0].Key
			admins = append(left, newAdmins(t, a, 3-len(left))...)
		}
	})
}

// takeFromEachOther has each of the admins act twice. In every other round they act on themselves alone, where nobody's rights are in
// anybody's way.
func takeFromEachOther(t *testing.T, fleet []*apptest.App, admins []*apptest.Person, round int) {
	t.Helper()
	atOnce(2*len(admins), func(i int) {
		by, whom := admins[i/2], admins[i/2]
		if round%2 > 0 {
			whom = admins[rand.IntN(len(admins))]
		}
		err := takeAdmin(t, of(fleet, i, by.Key), whom.GetId(), rand.IntN(4))
		wantReasons(t, "take", err, apierr.LastAdmin, apierr.Unauthenticated, apierr.AccessDenied, apierr.NotFoundReason)
	})
}

// takeAdmin makes the user no admin, in one of four ways.
func takeAdmin(t *testing.T, as *apptest.Clients, id string, way int) error {
	t.Helper()
	switch way {
	case 0:
		_, err := as.Users.DeleteUser(t.Context(), &paddockv1.DeleteUserRequest{Id: id})
		return err
	case 1:
		_, err := as.Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: id, Active: new(false)})
		return err
	case 2:
		_, err := as.Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: id, Roles: roleList(t)})
		return err
	}
	_, err := as.Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: id, Roles: roleList(t, "user")})
	return err
}

func newAdmins(t *testing.T, a *apptest.App, n int) []*apptest.Person {
	t.Helper()
	made := make([]*apptest.Person, n)
	for i := range made {
		made[i] = a.NewPerson(t, "admin")
	}
	return made
}

func whoIs(t *testing.T, as *apptest.Clients) string {
	t.Helper()
	m, err := as.Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
	must(t, err)
	return m.GetUser().GetId()
}

func isActiveAdmin(t *testing.T, a *apptest.App, id string) bool {
	t.Helper()
	found, err := a.Store.User.Query().
		Where(user.ID(uuid.MustParse(id)), user.Active(true), user.HasRolesWith(role.ID(caller.Admin))).
		Exist(t.Context())
	must(t, err)
	return found
}
