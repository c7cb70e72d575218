package apptest_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// TestRaces_EndAgainstWrites ends the rights of an admin who creates users all the time, on all replicas: what is not there when the end is
// acknowledged does not come any more.
func TestRaces_EndAgainstWrites(t *testing.T) {
	eachFleet(t, nil, func(t *testing.T, fleet []*apptest.App) {
		for round := range max(1, raceRounds(0)/10) {
			admin := fleet[0].Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken()
			for i, e := range ends {
				p := fleet[0].NewPerson(t, "admin")
				session, credential := sessionOf(t, fleet[0], p.Token), p.Key
				if e.session && (!e.key || round%2 > 0) {
					credential = p.Token
				}
				writers := createUntilRefused(t, fleet, credential, p.GetId())
				time.Sleep(10 * time.Millisecond)
				must(t, e.by(t.Context(), of(fleet, i, admin), p, session))
				acknowledged := usersBy(t, fleet[0], p.GetId())
				writers.Wait()
				if n := usersBy(t, fleet[0], p.GetId()); n != acknowledged {
					t.Errorf("%s: %d users were created after its end", e.name, n-acknowledged)
				}
			}
		}
	})
}

// createUntilRefused has six callers create users in the admin's name, until they are refused.
func createUntilRefused(t *testing.T, fleet []*apptest.App, credential, id string) *sync.WaitGroup {
	t.Helper()
	var writers sync.WaitGroup
	for w := range 6 {
		as := of(fleet, w, credential).Users
		writers.Go(func() {
			for i := 0; ; i++ {
				_, err := as.CreateUser(t.Context(), &paddockv1.CreateUserRequest{Email: fmt.Sprintf("by-%s-%d-%d@example.com", id, w, i)})
				if !wantReasons(t, "create", err, apierr.Unauthenticated, apierr.AccessDenied) {
					return
				}
			}
		})
	}
	return &writers
}

// usersBy counts the users that createUntilRefused has created.
func usersBy(t *testing.T, a *apptest.App, id string) int {
	t.Helper()
	n, err := a.Store.User.Query().Where(user.EmailHasPrefix("by-" + id)).Count(t.Context())
	must(t, err)
	return n
}
