package apptest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
)

// These are the faults of the service that Paddock replaces. The matrix of TestAccessMatrix is the general case of the
// first: three of its fifteen routes checked a role.

func TestUsers_SelfPromotion(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		t.Parallel()
		ctx, member := t.Context(), a.NewPerson(t, "user")
		roles, err := structpb.NewList([]any{"admin", "user"})
		must(t, err)
		for _, credential := range []string{member.Token, member.Key} {
			for _, c := range []*apptest.Clients{a.As(credential), a.AsGRPC(credential), a.AsGRPCWeb(credential)} {
				_, err := c.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: member.GetId(), Roles: roles})
				apptest.WantReason(t, err, apierr.AccessDenied)
				_, err = c.Users.CreateUser(ctx, &paddockv1.CreateUserRequest{Email: "me2@example.com", Roles: []string{"admin"}})
				apptest.WantReason(t, err, apierr.AccessDenied)
				_, err = c.Users.SetPassword(ctx, &paddockv1.SetPasswordRequest{UserId: adminID(t, a), Password: "owned by a member"})
				apptest.WantReason(t, err, apierr.AccessDenied)
				_, err = c.Credentials.IssueApiKey(ctx, &paddockv1.IssueApiKeyRequest{UserId: adminID(t, a), Label: "theirs"})
				apptest.WantReason(t, err, apierr.NotFoundReason)
			}
		}
		got, err := a.Admin().Users.GetUser(ctx, &paddockv1.GetUserRequest{Id: member.GetId()})
		must(t, err)
		if !slices.Equal(got.GetUser().GetRoles(), []string{"user"}) {
			t.Errorf("roles %v", got.GetUser().GetRoles())
		}
	})
}

func TestLogin_KeyLabelledPassword(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		t.Parallel()
		ctx := t.Context()
		created, err := a.Admin().Users.CreateUser(ctx, &paddockv1.CreateUserRequest{Email: "nopassword@example.com", Roles: []string{"user"}})
		must(t, err)
		key, err := a.Admin().Credentials.IssueApiKey(ctx, &paddockv1.IssueApiKeyRequest{UserId: created.GetUser().GetId(), Label: "password"})
		must(t, err)
		for _, guess := range []string{key.GetSecret(), "password", key.GetCredential().GetPrefix(), key.GetCredential().GetId()} {
			_, err := a.As("").Auth.Login(ctx, &paddockv1.LoginRequest{Email: "nopassword@example.com", Password: guess})
			apptest.WantReason(t, err, apierr.InvalidCredentials)
		}
		who, err := a.As(key.GetSecret()).Auth.WhoAmI(ctx, &paddockv1.WhoAmIRequest{})
		must(t, err)
		if who.GetMethod() != "api_key" || who.GetCredentialId() != key.GetCredential().GetId() || who.GetSessionId() != "" {
			t.Errorf("as a key it is %v", who)
		}
	})
}

func TestLogin_HostileUserAgent(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		t.Parallel()
		for name, agent := range map[string]string{
			"257 characters":           strings.Repeat("a", 257),
			"513 bytes, cut in a rune": strings.Repeat("a", 511) + "é",
			"10,000 characters":        strings.Repeat("日本", 5000),
			"invalid UTF-8":            strings.Repeat("\xff\xfe", 5000),
			"a cut rune":               "agent \xe2\x82",
			"empty":                    "",
			"markup":                   `<script>"';--`,
		} {
			person := a.NewPerson(t)
			c := a.As("", apptest.WithHeader("User-Agent", agent))
			m, err := c.Auth.Login(t.Context(), &paddockv1.LoginRequest{Email: person.GetEmail(), Password: person.Password})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			_, err = c.Auth.Login(t.Context(), &paddockv1.LoginRequest{Email: person.GetEmail(), Password: "wrong"})
			apptest.WantReason(t, err, apierr.InvalidCredentials)
			entries, err := a.Admin().Audit.ListAuditEntries(t.Context(), &paddockv1.ListAuditEntriesRequest{EventType: "login", UserId: person.GetId()})
			must(t, err)
			if n := len(entries.GetEntries()); n != 3 { // NewPerson's, this, and the wrong one
				t.Errorf("%s: %d entries", name, n)
				continue
			}
			kept := entries.GetEntries()[0].GetUserAgent()
			if !utf8.ValidString(kept) || len(kept) > 512 || name == "257 characters" && kept != agent {
				t.Errorf("%s: kept %q", name, kept)
			}
			sessions, err := a.As(m.GetAccessToken()).Auth.ListSessions(t.Context(), &paddockv1.ListSessionsRequest{})
			if err != nil || len(sessions.GetSessions()) != 2 {
				t.Errorf("%s: sessions %v, %v", name, sessions, err)
			}
		}
	})
}

// adminID is the first admin's.
func adminID(t testing.TB, a *apptest.App) string {
	t.Helper()
	m, err := a.Admin().Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
	must(t, err)
	return m.GetUser().GetId()
}

func TestDeleteUser_AuditEntriesUnchanged(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		t.Parallel()
		ctx, actor, target := t.Context(), a.NewPerson(t, "admin"), a.NewPerson(t, "user")
		did := a.As(actor.Token)
		_, err := did.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: target.GetId(), DisplayName: new("Target")})
		must(t, err)
		_, err = did.Credentials.RevokeCredential(ctx, &paddockv1.RevokeCredentialRequest{Id: target.KeyID})
		must(t, err)
		_, err = a.As(target.Token).Users.ListUsers(ctx, &paddockv1.ListUsersRequest{})
		apptest.WantReason(t, err, apierr.AccessDenied)

		before := a.Entries(t, "")
		for _, id := range []string{actor.GetId(), target.GetId()} {
			_, err := a.Admin().Users.DeleteUser(ctx, &paddockv1.DeleteUserRequest{Id: id})
			must(t, err)
		}
		after := a.Entries(t, "")
		if len(after) != len(before)+2 {
			t.Fatalf("%d entries, then %d", len(before), len(after))
		}
		mentioned := 0
		for i, want := range before {
			got := after[i+2]
			if !proto.Equal(got, want) {
				t.Errorf("entry was %v, is %v", want, got)
			}
			if got.GetActorUserId() == actor.GetId() && got.GetActorEmail() == actor.GetEmail() && got.GetTargetUserId() == target.GetId() {
				mentioned++
			}
		}
		if mentioned != 2 {
			t.Errorf("%d entries of what the deleted did to the deleted, want 2", mentioned)
		}
	})
}

func TestLogout_EndsSession(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		t.Parallel()
		ctx, person := t.Context(), a.NewPerson(t, "user")
		in := a.Login(t, person.GetEmail(), person.Password)
		other := a.Login(t, person.GetEmail(), person.Password)
		_, err := a.As(in.GetAccessToken()).Auth.Logout(ctx, &paddockv1.LogoutRequest{})
		must(t, err)
		for _, c := range []*apptest.Clients{a.As(in.GetAccessToken()), a.AsGRPC(in.GetAccessToken()), a.AsGRPCWeb(in.GetAccessToken())} {
			_, err = c.Auth.WhoAmI(ctx, &paddockv1.WhoAmIRequest{})
			apptest.WantReason(t, err, apierr.Unauthenticated)
			_, err = c.Auth.Logout(ctx, &paddockv1.LogoutRequest{})
			apptest.WantReason(t, err, apierr.Unauthenticated)
		}
		_, err = a.As("").Auth.Refresh(ctx, &paddockv1.RefreshRequest{RefreshToken: in.GetRefreshToken()})
		apptest.WantReason(t, err, apierr.Unauthenticated)
		if _, err := a.As(other.GetAccessToken()).Auth.WhoAmI(ctx, &paddockv1.WhoAmIRequest{}); err != nil {
			t.Errorf("another session of the same user ended too: %v", err)
		}
		if _, err := a.As(person.Key).Auth.WhoAmI(ctx, &paddockv1.WhoAmIRequest{}); err != nil {
			t.Errorf("the user's key ended too: %v", err)
		}
	})
}

func TestAPIKey_EveryMethod(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		t.Parallel()
		person := a.NewPerson(t, "user", "admin")
		xAPIKey := http.Header{"X-Api-Key": {person.Key}}
		both, beside := bearerOf(person.Key), bearerOf(person.Key)
		both.Set("X-Api-Key", person.Key)
		beside.Set("X-Api-Key", "sk-ant-api03-left-over")
		for _, p := range []protocol{connectJSON, connectProto, grpcProto, grpcWebProto} {
			for name, header := range map[string]http.Header{
				"Bearer": bearerOf(person.Key), "X-API-Key": xAPIKey, "both alike": both, "beside a foreign one": beside,
			} {
				for _, m := range methods(t) {
					empty := map[string][]byte{"json": []byte("{}")}[p.codec]
					if m.sideEffects() {
						continue
					}
					_, _, err := p.call(t.Context(), a, m, header, empty)
					switch {
					case m.rule().GetSessionOnly():
						apptest.WantReason(t, err, apierr.AccessDenied)
					case apptest.Reason(err) == apierr.Unauthenticated || apptest.Reason(err) == apierr.AccessDenied:
						t.Errorf("%s with %s over %s: %v", m.Name(), name, p.name, err)
					}
				}
			}
			two := bearerOf(person.Token)
			two.Set("X-Api-Key", person.Key)
			_, _, err := p.call(t.Context(), a, methodOf(t, paddockv1connect.AuthServiceWhoAmIProcedure), two, nil)
			if p.codec == "json" {
				_, _, err = p.call(t.Context(), a, methodOf(t, paddockv1connect.AuthServiceWhoAmIProcedure), two, []byte("{}"))
			}
			apptest.WantReason(t, err, apierr.AmbiguousCredentials)
		}
	})
}

// TestAdminChange_NextCall checks that changes of an admin's hold from the next call on: roles, keys, passwords and users
// are read on every call.
func TestAdminChange_NextCall(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		t.Parallel()
		ctx, admin := t.Context(), a.Admin()
		none := &structpb.ListValue{}
		for name, act := range map[string]struct {
			do           func(p *apptest.Person) error
			session, key apierr.Reason // what ListModels fails with after it; "" when it still works
		}{
			"roles taken": {func(p *apptest.Person) error {
				_, err := admin.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: p.GetId(), Roles: none})
				return err
			}, apierr.AccessDenied, apierr.AccessDenied},
			"disabled": {func(p *apptest.Person) error {
				_, err := admin.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: p.GetId(), Active: new(false)})
				return err
			}, apierr.Unauthenticated, apierr.Unauthenticated},
			"deleted": {func(p *apptest.Person) error {
				_, err := admin.Users.DeleteUser(ctx, &paddockv1.DeleteUserRequest{Id: p.GetId()})
				return err
			}, apierr.Unauthenticated, apierr.Unauthenticated},
			"password reset": {func(p *apptest.Person) error {
				_, err := admin.Users.SetPassword(ctx, &paddockv1.SetPasswordRequest{UserId: p.GetId(), Password: "another password"})
				return err
			}, apierr.Unauthenticated, ""},
			"key revoked": {func(p *apptest.Person) error {
				_, err := admin.Credentials.RevokeCredential(ctx, &paddockv1.RevokeCredentialRequest{Id: p.KeyID})
				return err
			}, "", apierr.Unauthenticated},
			"key rotated": {func(p *apptest.Person) error {
				_, err := admin.Credentials.RotateCredential(ctx, &paddockv1.RotateCredentialRequest{Id: p.KeyID})
				return err
			}, "", apierr.Unauthenticated},
		} {
			p := a.NewPerson(t, "user")
			check := func(when, credential string, want apierr.Reason) {
				t.Helper()
				if _, err := a.As(credential).Ollama.ListModels(ctx, &paddockv1.ListModelsRequest{}); apptest.Reason(err) != want || (err == nil) != (want == "") {
					t.Errorf("%s, %s: %v, want %q", name, when, err, want)
				}
			}
			check("session before", p.Token, "")
			check("key before", p.Key, "")
			must(t, act.do(p))
			check("session after", p.Token, act.session)
			check("key after", p.Key, act.key)
		}
	})
}
