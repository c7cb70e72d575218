package auth_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
)

func TestLogout_EndsThisSessionOnly(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		in := a.Login(t, p.GetEmail(), p.Password)
		out := post(t, a.URL+"/paddock.v1.AuthService/Logout", struct{}{}, "Authorization", "Bearer "+in.GetAccessToken())
		if out.status != http.StatusOK || len(out.cookies) != 1 || out.cookies[0].Value != "" || out.cookies[0].MaxAge >= 0 {
			t.Errorf("the cookie is not taken back: %v", out)
		}
		apptest.WantReason(t, whoAmI(t, a, in.GetAccessToken()), apierr.Unauthenticated)
		if err := whoAmI(t, a, p.Token); err != nil {
			t.Errorf("the other session: %v", err)
		}
		entries := a.Entries(t, "logout")
		if len(entries) != 1 || entries[0].GetActorUserId() != p.GetId() || entries[0].GetSessionId() == "" {
			t.Errorf("entries %v", entries)
		}
	})
}

func TestWhoAmI_Credential(t *testing.T) {
	apptest.EachWith(t, apptest.Env{"RATE_LIMIT_PER_MINUTE": "60"}, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user", "admin")
		for credential, method := range map[string]string{p.Token: "password", p.Key: "api_key"} {
			m, err := a.As(credential).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if m.GetMethod() != method || (m.GetSessionId() != "") != (method == "password") || (m.GetCredentialId() == p.KeyID) != (method == "api_key") {
				t.Errorf("%s: %v", method, m)
			}
			u := m.GetUser()
			if u.GetId() != p.GetId() || u.GetEmail() != p.GetEmail() || fmt.Sprint(u.GetRoles()) != "[admin user]" || !u.GetActive() ||
				!u.GetCreatedAt().AsTime().Equal(p.GetCreatedAt().AsTime()) || u.GetLastLoginAt() == nil {
				t.Errorf("%s: user %v", method, u)
			}
			if limit := m.GetRateLimit(); limit.GetLimit() != 60 || limit.GetRemaining() > 60 || limit.GetRemaining() < 50 {
				t.Errorf("%s: limit %v", method, limit)
			}
		}
	})
}

func changePassword(t testing.TB, a *apptest.App, token, current, next string) error {
	t.Helper()
	_, err := a.As(token).Auth.ChangePassword(t.Context(), &paddockv1.ChangePasswordRequest{CurrentPassword: current, NewPassword: next})
	return err
}

func TestChangePassword(t *testing.T) {
	const next = "a new and better one"
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		other := a.Login(t, p.GetEmail(), p.Password)

		err := changePassword(t, a, p.Token, "wrong", next)
		apptest.WantReason(t, err, apierr.InvalidCredentials)
		if connect.CodeOf(err) == connect.CodeUnauthenticated {
			t.Error("a wrong current password looks like the session's end")
		}
		for _, weak := range []string{"short", "password1234", p.GetEmail(), strings.Repeat("ab", 20)} {
			err := changePassword(t, a, p.Token, p.Password, weak)
			apptest.WantReason(t, err, apierr.PasswordTooWeak)
			if !strings.Contains(err.Error(), "password is too weak: ") {
				t.Errorf("%q: the reason is not told: %v", weak, err)
			}
		}
		if err := changePassword(t, a, p.Token, p.Password, next); err != nil {
			t.Fatal(err)
		}
		if err := whoAmI(t, a, p.Token); err != nil {
			t.Errorf("the session that changed it: %v", err)
		}
		if err := whoAmI(t, a, p.Key); err != nil {
			t.Errorf("the API key: %v", err)
		}
		apptest.WantReason(t, whoAmI(t, a, other.GetAccessToken()), apierr.Unauthenticated)
		apptest.WantReason(t, login(t, a, p.GetEmail(), p.Password), apierr.InvalidCredentials)
		if err := login(t, a, p.GetEmail(), next); err != nil {
			t.Errorf("the new password: %v", err)
		}
		var outcomes []string
		for _, e := range a.Entries(t, "password_changed") {
			if e.GetActorUserId() != p.GetId() || e.GetTargetUserId() != p.GetId() || strings.Contains(e.String(), next) {
				t.Errorf("entry %v", e)
			}
			outcomes = append(outcomes, e.GetOutcome())
		}
		if fmt.Sprint(outcomes) != "[success failure]" {
			t.Errorf("entries %v", outcomes)
		}
	})
}

func TestChangePassword_Throttled(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		for i := range 5 {
			apptest.WantReason(t, changePassword(t, a, p.Token, fmt.Sprint("wrong ", i), "a new and better one"), apierr.InvalidCredentials)
		}
		apptest.WantReason(t, changePassword(t, a, p.Token, p.Password, "a new and better one"), apierr.LoginThrottled)
		apptest.WantReason(t, login(t, a, p.GetEmail(), p.Password), apierr.LoginThrottled)
		if err := whoAmI(t, a, p.Token); err != nil {
			t.Error(err)
		}
	})
}

func listSessions(t testing.TB, a *apptest.App, token, user string) ([]*paddockv1.Session, error) {
	t.Helper()
	m, err := a.As(token).Auth.ListSessions(t.Context(), &paddockv1.ListSessionsRequest{UserId: user})
	return m.GetSessions(), err
}

func TestListSessions(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, stranger := a.NewPerson(t), a.NewPerson(t)
		admin := a.Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken()
		_, err := a.As("", apptest.WithHeader("User-Agent", "agent \"47\"")).Auth.Login(t.Context(),
			&paddockv1.LoginRequest{Email: p.GetEmail(), Password: p.Password})
		if err != nil {
			t.Fatal(err)
		}
		a.Login(t, p.GetEmail(), p.Password)
		a.Exec(t, `UPDATE sessions SET refresh_expires_at = created_at, rotated_at = $1 WHERE created_at = (SELECT max(created_at) FROM sessions)`,
			store.Now().Add(-time.Hour)) // so that its access token is over, too

		for _, asked := range []struct{ token, user string }{{p.Token, ""}, {p.Token, p.GetId()}, {admin, p.GetId()}} {
			sessions, err := listSessions(t, a, asked.token, asked.user)
			if err != nil {
				t.Fatal(err)
			}
			if len(sessions) != 2 || !strings.Contains(sessions[0].GetUserAgent(), `agent "47"`) || sessions[0].GetIp() != "127.0.0.1" ||
				sessions[0].GetUserId() != p.GetId() || time.Until(sessions[0].GetExpiresAt().AsTime()) < 23*time.Hour {
				t.Errorf("as %q, of %q: %v", asked.token[:8], asked.user, sessions)
			}
			if mine := asked.token == p.Token; len(sessions) == 2 && (sessions[1].GetCurrent() != mine || sessions[0].GetCurrent()) {
				t.Errorf("which is the current one? %v", sessions)
			}
		}
		wantSameAnswer(t, func(user string) error {
			_, err := listSessions(t, a, p.Token, user)
			return err
		}, stranger.GetId(), uuid.NewString())
		_, err = listSessions(t, a, admin, uuid.NewString())
		apptest.WantReason(t, err, apierr.NotFoundReason)
	})
}

// wantSameAnswer fails the test unless the call is refused in the same words for what is another's and for what is not
// there at all.
func wantSameAnswer(t *testing.T, call func(id string) error, foreign, absent string) {
	t.Helper()
	err, other := call(foreign), call(absent)
	apptest.WantReason(t, err, apierr.NotFoundReason)
	if fmt.Sprint(err) != fmt.Sprint(other) {
		t.Errorf("another's is %q, an absent one %q", err, other)
	}
}

func TestRevokeSession(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, stranger := a.NewPerson(t), a.NewPerson(t)
		admin := a.Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken()
		revoke := func(token, id string) error {
			_, err := a.As(token).Auth.RevokeSession(t.Context(), &paddockv1.RevokeSessionRequest{Id: id})
			return err
		}
		for _, who := range []string{p.Token, admin} {
			victim := a.Login(t, p.GetEmail(), p.Password).GetAccessToken()
			sessions, err := listSessions(t, a, victim, "")
			if err != nil || !sessions[0].GetCurrent() {
				t.Fatal(sessions, err)
			}
			id := sessions[0].GetId()
			wantSameAnswer(t, func(id string) error { return revoke(stranger.Token, id) }, id, uuid.NewString())
			if err := whoAmI(t, a, victim); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := revoke(who, strings.ToUpper(id)); err != nil {
					t.Fatal(err)
				}
			}
			apptest.WantReason(t, whoAmI(t, a, victim), apierr.Unauthenticated)
		}
		entries := a.Entries(t, "session_revoked")
		if len(entries) != 2 || entries[0].GetActorEmail() != apptest.AdminEmail || entries[0].GetTargetUserId() != p.GetId() ||
			entries[1].GetActorUserId() != p.GetId() || entries[0].GetSessionId() == "" {
			t.Errorf("entries %v", entries)
		}
		if err := whoAmI(t, a, p.Token); err != nil {
			t.Error(err)
		}
	})
}

// TestSession_LastSeen promises last_seen_at, to the minute.
func TestSession_LastSeen(t *testing.T) { testLastUses(t, -time.Hour) }

// TestLastUses_ClockSetBack: a use is written although the one before seems to be to come.
func TestLastUses_ClockSetBack(t *testing.T) { testLastUses(t, time.Hour) }

func testLastUses(t *testing.T, before time.Duration) {
	t.Helper()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		at := time.Now().Add(before).UTC()
		a.Exec(t, `UPDATE sessions SET last_seen_at = $1`, at)
		a.Exec(t, `UPDATE credentials SET last_used_at = $1`, at)
		if err := whoAmI(t, a, p.Key); err != nil {
			t.Fatal(err)
		}
		if err := whoAmI(t, a, p.Token); err != nil {
			t.Fatal(err)
		}
		// A stopping server loses nothing of what was gathered.
		if err := a.Stop(); err != nil {
			t.Fatal(err)
		}
		b := apptest.Start(t, a.Database, nil)
		s, err := b.Store.Session.Query().Only(t.Context())
		if err != nil || time.Since(s.LastSeenAt).Abs() > time.Minute {
			t.Errorf("last seen %s, %v", s.LastSeenAt, err)
		}
		k, err := b.Store.Credential.Query().Where(credential.UserID(uuid.MustParse(p.GetId()))).Only(t.Context())
		if err != nil || k.LastUsedAt == nil || time.Since(*k.LastUsedAt).Abs() > time.Minute {
			t.Errorf("last used %v, %v", k.LastUsedAt, err)
		}
	})
}
