package users_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

func create(t testing.TB, a *apptest.App, req *paddockv1.CreateUserRequest, options ...connect.ClientOption) (*paddockv1.User, error) {
	t.Helper()
	m, err := a.As(a.AdminKey, options...).Users.CreateUser(t.Context(), req)
	return m.GetUser(), err
}

func mustCreate(t testing.TB, a *apptest.App, req *paddockv1.CreateUserRequest) *paddockv1.User {
	t.Helper()
	u, err := create(t, a, req)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// violated returns the fields that the error names.
func violated(t testing.TB, err error) (fields []string) {
	t.Helper()
	told, ok := err.(*connect.Error) //nolint:errorlint // clients return nothing else
	if !ok {
		return nil
	}
	for _, d := range told.Details() {
		m, err := d.Value()
		if err != nil {
			t.Fatal(err)
		}
		if bad, ok := m.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				fields = append(fields, v.GetField())
			}
		}
	}
	return fields
}

func TestCreateUser(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		u := mustCreate(t, a, &paddockv1.CreateUserRequest{
			Email: " Ada.Lovelace@BÜCHER.example. ", DisplayName: "Ada <b>", ExternalId: "E-1", Roles: []string{"user", "admin"},
			Password: "analytical engine",
		})
		if u.GetEmail() != "ada.lovelace@xn--bcher-kva.example" || u.GetDisplayName() != "Ada <b>" || u.GetExternalId() != "E-1" ||
			fmt.Sprint(u.GetRoles()) != "[admin user]" || !u.GetActive() || u.GetLastLoginAt() != nil ||
			uuid.MustParse(u.GetId()).Version() != 7 || time.Since(u.GetCreatedAt().AsTime()) > time.Minute {
			t.Errorf("created %v", u)
		}
		got, err := a.Admin().Users.GetUser(t.Context(), &paddockv1.GetUserRequest{Id: u.GetId()})
		if err != nil || got.GetUser().String() != u.String() {
			t.Errorf("got %v, %v\nwant %v", got.GetUser(), err, u)
		}
		if in := a.Login(t, "ADA.lovelace@bücher.example", "analytical engine"); in.GetUser().GetId() != u.GetId() {
			t.Errorf("signed in as %v", in.GetUser())
		}
		plain := mustCreate(t, a, &paddockv1.CreateUserRequest{Email: "plain@example.com"})
		if !plain.GetActive() || len(plain.GetRoles()) != 0 || plain.GetExternalId() != "" {
			t.Errorf("created %v", plain)
		}

		entries := a.Entries(t, "user_created")
		if len(entries) != 2 || entries[1].GetTargetUserId() != u.GetId() || entries[1].GetActorEmail() != apptest.AdminEmail ||
			entries[1].GetCredentialId() == "" || entries[1].GetDetail() != u.GetEmail()+", roles user, admin" {
			t.Errorf("entries %v", entries)
		}
	})
}

func TestCreateUser_Refused(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		mustCreate(t, a, &paddockv1.CreateUserRequest{Email: "ada@bücher.example", ExternalId: "E-1"})
		for _, c := range []struct {
			req    *paddockv1.CreateUserRequest
			reason apierr.Reason
			field  string
		}{
			{&paddockv1.CreateUserRequest{Email: "ada@bücher.example"}, apierr.EmailTaken, "email"},
			{&paddockv1.CreateUserRequest{Email: "ADA@BÜCHER.example"}, apierr.EmailTaken, "email"},
			{&paddockv1.CreateUserRequest{Email: " ada@xn--bcher-kva.example."}, apierr.EmailTaken, "email"},
			{&paddockv1.CreateUserRequest{Email: "ada@bücher.example", ExternalId: "E-2"}, apierr.EmailTaken, "email"},
			{&paddockv1.CreateUserRequest{Email: "bob@example.com", ExternalId: "E-1"}, apierr.ExternalIDTaken, "external_id"},
			{&paddockv1.CreateUserRequest{Email: "not an email"}, apierr.InvalidArgument, "email"},
			{&paddockv1.CreateUserRequest{Email: "ädä@example.com"}, apierr.InvalidArgument, "email"},
			{&paddockv1.CreateUserRequest{Email: "bob@example.com", Roles: []string{"root"}}, apierr.InvalidArgument, "roles[0]"},
			{&paddockv1.CreateUserRequest{Email: "bob@example.com", Roles: []string{"user", "user"}}, apierr.InvalidArgument, "roles"},
			{&paddockv1.CreateUserRequest{Email: "bob@example.com", Password: "short"}, apierr.PasswordTooWeak, "password"},
			{&paddockv1.CreateUserRequest{Email: "bob@example.com", Password: "bob@example.com!"}, apierr.PasswordTooWeak, "password"},
			{&paddockv1.CreateUserRequest{Email: "bob@example.com", DisplayName: "Lady Lovelace", Password: "lady lovelace"}, apierr.PasswordTooWeak, "password"},
		} {
			_, err := create(t, a, c.req)
			apptest.WantReason(t, err, c.reason)
			if got := violated(t, err); len(got) != 1 || got[0] != c.field {
				t.Errorf("%v: the fields %q are named, want %q", c.req, got, c.field)
			}
		}
		if n := len(a.Entries(t, "user_created")); n != 1 {
			t.Errorf("%d entries for one user", n)
		}
	})
}

func TestCreateUser_IdempotentByExternalID(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		var ids sync.Map
		apptest.AtOnce(20, func(int) {
			u, err := create(t, a, &paddockv1.CreateUserRequest{Email: "Job@example.com", ExternalId: "ci/42"})
			if err != nil {
				t.Error(err)
				return
			}
			ids.Store(u.GetId(), true)
		})
		n := 0
		ids.Range(func(any, any) bool { n++; return true })
		if entries := a.Entries(t, "user_created"); n != 1 || len(entries) != 1 {
			t.Errorf("%d users, %d entries", n, len(entries))
		}
		again := mustCreate(t, a, &paddockv1.CreateUserRequest{Email: "job@EXAMPLE.com", ExternalId: "ci/42", DisplayName: "another"})
		if _, ok := ids.Load(again.GetId()); !ok || again.GetDisplayName() != "" {
			t.Errorf("again it is %v", again)
		}
	})
}

func TestCreateUser_IdempotentByHeader(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		req := &paddockv1.CreateUserRequest{Email: "ada@example.com", Password: "analytical engine"}
		first, err := create(t, a, req, apptest.WithHeader("Idempotency-Key", "k"))
		if err != nil {
			t.Fatal(err)
		}
		again, err := create(t, a, req, apptest.WithHeader("Idempotency-Key", "k"))
		if err != nil || again.GetId() != first.GetId() {
			t.Errorf("again it is %v, %v", again, err)
		}
		_, err = create(t, a, &paddockv1.CreateUserRequest{Email: "bob@example.com"}, apptest.WithHeader("Idempotency-Key", "k"))
		apptest.WantReason(t, err, apierr.InvalidArgument)
		_, err = create(t, a, req)
		apptest.WantReason(t, err, apierr.EmailTaken)
		_, err = create(t, a, req, apptest.WithHeader("Idempotency-Key", strings.Repeat("k", 256)))
		apptest.WantReason(t, err, apierr.InvalidArgument)

		// What is remembered tells nothing of the password.
		with, err := a.Store.IdempotencyKey.Query().Only(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := create(t, a, &paddockv1.CreateUserRequest{Email: "ada@example.com", Password: "another password"}, apptest.WithHeader("Idempotency-Key", "k")); err != nil {
			t.Errorf("the request's hash %s depends on the password: %v", with.RequestHash, err)
		}
		a.Login(t, "ada@example.com", "analytical engine")
	})
}

func TestDeleteUser(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := a.Admin()
		p := a.NewPerson(t, "user")
		if _, err := a.As(p.Key, apptest.WithHeader("Idempotency-Key", "k")).Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{Label: "x"}); err != nil {
			t.Fatal(err)
		}
		trail := a.Entries(t, "")
		if _, err := admin.Users.DeleteUser(t.Context(), &paddockv1.DeleteUserRequest{Id: p.GetId()}); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"get":    second(admin.Users.GetUser(t.Context(), &paddockv1.GetUserRequest{Id: p.GetId()})),
			"delete": second(admin.Users.DeleteUser(t.Context(), &paddockv1.DeleteUserRequest{Id: p.GetId()})),
			"update": second(admin.Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: p.GetId(), DisplayName: new("x")})),
			"set password": second(admin.Users.SetPassword(t.Context(), &paddockv1.SetPasswordRequest{
				UserId: p.GetId(), Password: "something else again",
			})),
			"issue":    second(admin.Credentials.IssueApiKey(t.Context(), &paddockv1.IssueApiKeyRequest{UserId: p.GetId(), Label: "x"})),
			"keys":     second(admin.Credentials.ListCredentials(t.Context(), &paddockv1.ListCredentialsRequest{UserId: p.GetId()})),
			"rotate":   second(admin.Credentials.RotateCredential(t.Context(), &paddockv1.RotateCredentialRequest{Id: p.KeyID})),
			"absent":   second(admin.Users.GetUser(t.Context(), &paddockv1.GetUserRequest{Id: uuid.NewString()})),
			"absent 2": second(admin.Users.DeleteUser(t.Context(), &paddockv1.DeleteUserRequest{Id: uuid.NewString()})),
		} {
			if apptest.Reason(err) != apierr.NotFoundReason {
				t.Errorf("%s: %v", what, err)
			}
		}
		for _, credential := range []string{p.Token, p.Key} {
			_, err := a.As(credential).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
			apptest.WantReason(t, err, apierr.Unauthenticated)
		}
		// What they did stays as it was, and so does what was done to them.
		after := a.Entries(t, "")
		if len(after) != len(trail)+2 { // the deletion, and one refusal for the credentials
			t.Fatalf("%d entries, before %d", len(after), len(trail))
		}
		for i, e := range trail {
			if got := after[i+2]; got.String() != e.String() {
				t.Errorf("entry %v became %v", e, got)
			}
		}
		if e := after[1]; e.GetEventType() != "user_deleted" || e.GetTargetUserId() != p.GetId() || e.GetDetail() != p.GetEmail() {
			t.Errorf("entry %v", e)
		}
		mustCreate(t, a, &paddockv1.CreateUserRequest{Email: p.GetEmail()}) // the address is free again
	})
}

func second[T any](_ T, err error) error { return err }

func TestSetPassword_EndsSessions(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, other := a.NewPerson(t), a.NewPerson(t)
		set := func(password string) error {
			_, err := a.Admin().Users.SetPassword(t.Context(), &paddockv1.SetPasswordRequest{UserId: p.GetId(), Password: password})
			return err
		}
		apptest.WantReason(t, set("short"), apierr.PasswordTooWeak)
		apptest.WantReason(t, set(p.GetEmail()), apierr.PasswordTooWeak)
		if err := set("something else again"); err != nil {
			t.Fatal(err)
		}
		_, err := a.As(p.Token).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
		apptest.WantReason(t, err, apierr.Unauthenticated)
		for _, credential := range []string{p.Key, other.Token} {
			if _, err := a.As(credential).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); err != nil {
				t.Error(err)
			}
		}
		a.Login(t, p.GetEmail(), "something else again")
		entries := a.Entries(t, "password_set")
		if len(entries) != 1 || entries[0].GetTargetUserId() != p.GetId() || strings.Contains(entries[0].String(), "something else") {
			t.Errorf("entries %v", entries)
		}
	})
}

func TestListRoles(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m, err := a.Admin().Users.ListRoles(t.Context(), &paddockv1.ListRolesRequest{})
		if err != nil || len(m.GetRoles()) != 2 || m.GetRoles()[0].GetName() != "admin" || m.GetRoles()[1].GetName() != "user" ||
			m.GetRoles()[0].GetDescription() == "" {
			t.Errorf("roles %v, %v", m.GetRoles(), err)
		}
	})
}
