package apptest_test

import (
	"sync"
	"testing"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// TestRaces_Password has many sign in while their password is set by an admin, or changed by themselves, or they are deactivated: no session
// that was begun with the old password is left.
func TestRaces_Password(t *testing.T) {
	eachFleet(t, behindProxy, func(t *testing.T, fleet []*apptest.App) {
		a := fleet[0]
		for round := range raceRounds(4) {
			p := a.NewPerson(t)
			var mu sync.Mutex
			var access, refresh []string
			atOnce(7, func(i int) {
				if i == 0 {
					wantReasons(t, "end the password", endPassword(t, of(fleet, round, a.AdminKey), of(fleet, round, p.Token, from(round)), p, round%3))
					return
				}
				in, err := of(fleet, i, "", from(round)).Auth.Login(t.Context(), &paddockv1.LoginRequest{Email: p.GetEmail(), Password: p.Password})
				if wantReasons(t, "sign in", err, apierr.InvalidCredentials, apierr.LoginThrottled) {
					mu.Lock()
					defer mu.Unlock()
					access, refresh = append(access, in.GetAccessToken()), append(refresh, in.GetRefreshToken())
				}
			})
			wantEnded(t, fleet, refresh, access)
		}
	})
}

// endPassword makes the person's password one that nobody can sign in with, in one of three ways.
func endPassword(t *testing.T, admin, self *apptest.Clients, p *apptest.Person, way int) error {
	t.Helper()
	const other = "another horse entirely"
	switch way {
	case 0:
		_, err := admin.Users.SetPassword(t.Context(), &paddockv1.SetPasswordRequest{UserId: p.GetId(), Password: other})
		return err
	case 1:
		_, err := self.Auth.ChangePassword(t.Context(), &paddockv1.ChangePasswordRequest{CurrentPassword: p.Password, NewPassword: other})
		return err
	}
	_, err := admin.Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: p.GetId(), Active: new(false)})
	return err
}
