package apptest_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/ent/db/session"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// acts are changes to a user by an admin and by themselves.
var acts = []struct {
	name string
	act  func(t *testing.T, admin, self *apptest.Clients, p *apptest.Person, in *paddockv1.LoginResponse) error
}{
	{"rename", func(t *testing.T, admin, _ *apptest.Clients, p *apptest.Person, _ *paddockv1.LoginResponse) error {
		_, err := admin.Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: p.GetId(), DisplayName: new("Ada")})
		return err
	}},
	{"set roles", func(t *testing.T, admin, _ *apptest.Clients, p *apptest.Person, _ *paddockv1.LoginResponse) error {
		_, err := admin.Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: p.GetId(), Roles: roleList(t, "admin")})
		return err
	}},
	{"deactivate", func(t *testing.T, admin, _ *apptest.Clients, p *apptest.Person, _ *paddockv1.LoginResponse) error {
		_, err := admin.Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: p.GetId(), Active: new(false)})
		return err
	}},
	{"set password", func(t *testing.T, admin, _ *apptest.Clients, p *apptest.Person, _ *paddockv1.LoginResponse) error {
		_, err := admin.Users.SetPassword(t.Context(), &paddockv1.SetPasswordRequest{UserId: p.GetId(), Password: "another horse entirely"})
		return err
	}},
	{"set quota", func(t *testing.T, admin, _ *apptest.Clients, p *apptest.Person, _ *paddockv1.LoginResponse) error {
		_, err := admin.Usage.SetQuota(t.Context(), &paddockv1.SetQuotaRequest{UserId: p.GetId(), TokensPerDay: new(int64(1000))})
		return err
	}},
	{"issue a key for", func(t *testing.T, admin, _ *apptest.Clients, p *apptest.Person, _ *paddockv1.LoginResponse) error {
		_, err := admin.Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{UserId: p.GetId(), Label: "x"})
		return err
	}},
	{"issue a key", func(t *testing.T, _, self *apptest.Clients, _ *apptest.Person, _ *paddockv1.LoginResponse) error {
		_, err := self.Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{Label: "x"})
		return err
	}},
	{"rotate the key", func(t *testing.T, _, self *apptest.Clients, p *apptest.Person, _ *paddockv1.LoginResponse) error {
		_, err := self.Credentials.RotateCredential(t.Context(), &paddockv1.RotateCredentialRequest{Id: p.KeyID})
		return err
	}},
	{"revoke the key", func(t *testing.T, admin, _ *apptest.Clients, p *apptest.Person, _ *paddockv1.LoginResponse) error {
		_, err := admin.Credentials.RevokeCredential(t.Context(), &paddockv1.RevokeCredentialRequest{Id: p.KeyID})
		return err
	}},
	{"set the key's models", func(t *testing.T, admin, _ *apptest.Clients, p *apptest.Person, _ *paddockv1.LoginResponse) error {
		_, err := admin.Credentials.SetCredentialModels(t.Context(), &paddockv1.SetCredentialModelsRequest{Id: p.KeyID, Models: &paddockv1.ModelList{}})
		return err
	}},
	{"change the password", func(t *testing.T, _, self *apptest.Clients, p *apptest.Person, _ *paddockv1.LoginResponse) error {
		_, err := self.Auth.ChangePassword(t.Context(), &paddockv1.ChangePasswordRequest{CurrentPassword: p.Password, NewPassword: "another horse entirely"})
		return err
	}},
	{"sign in", func(t *testing.T, _, self *apptest.Clients, p *apptest.Person, _ *paddockv1.LoginResponse) error {
		_, err := self.Auth.Login(t.Context(), &paddockv1.LoginRequest{Email: p.GetEmail(), Password: p.Password})
		return err
	}},
	{"refresh", func(t *testing.T, _, self *apptest.Clients, _ *apptest.Person, in *paddockv1.LoginResponse) error {
		_, err := self.Auth.Refresh(t.Context(), &paddockv1.RefreshRequest{RefreshToken: in.GetRefreshToken()})
		return err
	}},
	{"sign out", func(t *testing.T, _, self *apptest.Clients, _ *apptest.Person, _ *paddockv1.LoginResponse) error {
		_, err := self.Auth.Logout(t.Context(), &paddockv1.LogoutRequest{})
		return err
	}},
	{"chat", func(t *testing.T, _, self *apptest.Clients, _ *apptest.Person, _ *paddockv1.LoginResponse) error {
		_, err := spend(t.Context(), self)
		return err
	}},
}

// TestRaces_Delete deletes a user while everything else is done to them and by them, on all replicas: each act is done, or refused in the
// terms of the contract, and nothing of the user is left.
func TestRaces_Delete(t *testing.T) {
	eachFleet(t, behindProxy, func(t *testing.T, fleet []*apptest.App) {
		admin := fleet[0].Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken()
		for round := range raceRounds(3) {
			p := fleet[0].NewPerson(t, "user")
			in := fleet[0].Login(t, p.GetEmail(), p.Password)
			atOnce(len(acts)+1, func(i int) {
				if i == len(acts) {
					_, err := of(fleet, round, admin).Users.DeleteUser(t.Context(), &paddockv1.DeleteUserRequest{Id: p.GetId()})
					wantReasons(t, "delete", err)
					return
				}
				err := acts[i].act(t, of(fleet, i+round, admin), of(fleet, i+round, in.GetAccessToken(), from(round)), p, in)
				wantReasons(t, acts[i].name, err, apierr.NotFoundReason, apierr.Unauthenticated, apierr.AccessDenied, apierr.InvalidCredentials)
			})
			wantNothingLeft(t, fleet[0], p)
		}
	})
}

func wantNothingLeft(t *testing.T, a *apptest.App, p *apptest.Person) {
	t.Helper()
	id := uuid.MustParse(p.GetId())
	users, err := a.Store.User.Query().Where(user.ID(id)).Count(t.Context())
	must(t, err)
	keys, err := a.Store.Credential.Query().Where(credential.UserID(id)).Count(t.Context())
	must(t, err)
	sessions, err := a.Store.Session.Query().Where(session.UserID(id)).Count(t.Context())
	must(t, err)
	if left := fmt.Sprint(users, keys, sessions); left != "0 0 0" {
		t.Errorf("users, keys and sessions that are left: %s", left)
	}
	if n := entriesAbout(t, a, "user_deleted", p.GetId()); n != 1 {
		t.Errorf("%d entries of the deletion", n)
	}
}
