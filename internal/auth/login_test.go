package auth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

const (
	loginPath   = "/paddock.v1.AuthService/Login"
	refreshPath = "/paddock.v1.AuthService/Refresh"
)

func TestLogin_TokensAndUser(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t, "user")
		before := time.Now()
		m := a.Login(t, "  "+strings.ToUpper(p.GetEmail())+" ", p.Password)
		if m.GetTokenType() != "Bearer" || m.GetAccessToken() == "" || m.GetRefreshToken() == "" {
			t.Errorf("answer %v", m)
		}
		if left := m.GetExpiresAt().AsTime().Sub(before); left < 9*time.Minute || left > 11*time.Minute {
			t.Errorf("the access token lives for %s", left)
		}
		if left := m.GetRefreshExpiresAt().AsTime().Sub(before); left < 23*time.Hour || left > 25*time.Hour {
			t.Errorf("the refresh token lives for %s", left)
		}
		u := m.GetUser()
		if u.GetId() != p.GetId() || u.GetEmail() != p.GetEmail() || len(u.GetRoles()) != 1 || !u.GetActive() {
			t.Errorf("user %v", u)
		}
		if at := u.GetLastLoginAt().AsTime(); at.Before(before.Add(-time.Second)) {
			t.Errorf("last login at %s, now is %s", at, before)
		}
		if !u.GetUpdatedAt().AsTime().Equal(p.GetUpdatedAt().AsTime()) {
			t.Error("a sign-in is no update of the user")
		}
		entry := a.Entries(t, "login_success")[0]
		if entry.GetActorUserId() != p.GetId() || entry.GetActorEmail() != p.GetEmail() || entry.GetSessionId() == "" ||
			entry.GetOutcome() != "success" || entry.GetIp() != "127.0.0.1" || entry.GetUserAgent() == "" || entry.GetRequestId() == "" {
			t.Errorf("entry %v", entry)
		}
		who, err := a.As(m.GetAccessToken()).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
		if err != nil || who.GetSessionId() != entry.GetSessionId() || who.GetMethod() != "password" || who.GetCredentialId() != "" {
			t.Errorf("who am I: %v, %v", who, err)
		}
	})
}

func TestLogin_RefreshCookie(t *testing.T) {
	env := apptest.Env{"TRUSTED_PROXIES": "127.0.0.0/8"}
	apptest.EachWith(t, env, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		for _, c := range []struct {
			proto, cookie string
			secure        bool
		}{
			{"http", "paddock_refresh", false},
			{"https", "__Host-paddock_refresh", true},
		} {
			request := map[string]any{"email": p.GetEmail(), "password": p.Password, "cookie": true}
			in := post(t, a.URL+loginPath, request, "X-Forwarded-Proto", c.proto)
			if len(in.cookies) != 1 {
				t.Fatalf("%s: %d cookies, body %s", c.proto, len(in.cookies), in.body)
			}
			got := in.cookies[0]
			if got.Name != c.cookie || !got.HttpOnly || got.SameSite != http.SameSiteStrictMode || got.Secure != c.secure ||
				got.Path != "/" || got.Domain != "" || time.Until(got.Expires) < 23*time.Hour {
				t.Errorf("%s: cookie %v", c.proto, got)
			}
			var tokens struct{ RefreshToken, AccessToken string }
			if err := json.Unmarshal([]byte(in.body), &tokens); err != nil || tokens.RefreshToken != "" || tokens.AccessToken == "" {
				t.Errorf("%s: body %s, %v", c.proto, in.body, err)
			}
			if strings.Contains(in.body, got.Value) {
				t.Errorf("%s: the body shows the cookie", c.proto)
			}

			// The cookie refreshes, and only under its own name.
			next := post(t, a.URL+refreshPath, struct{}{}, "X-Forwarded-Proto", c.proto, "Cookie", c.cookie+"="+got.Value)
			if next.status != http.StatusOK || len(next.cookies) != 1 || next.cookies[0].Value == got.Value ||
				strings.Contains(next.body, next.cookies[0].Value) {
				t.Errorf("%s: refresh by cookie: %v", c.proto, next)
			}
			other := post(t, a.URL+refreshPath, struct{}{}, "X-Forwarded-Proto", c.proto, "Cookie", "refresh="+got.Value)
			if other.status != http.StatusUnauthorized {
				t.Errorf("%s: refresh by another cookie: %v", c.proto, other)
			}
		}
		if nothing := post(t, a.URL+refreshPath, struct{}{}); nothing.status != http.StatusUnauthorized {
			t.Errorf("refresh with nothing at all: %v", nothing)
		}
	})
}

// refusals are the sign-ins that must not be told apart.
func refusals(t *testing.T, a *apptest.App) map[string]map[string]any {
	t.Helper()
	inactive, person := a.NewPerson(t, "user"), a.NewPerson(t, "user")
	active := false
	if _, err := a.Admin().Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: inactive.GetId(), Active: &active}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Admin().Users.CreateUser(t.Context(), &paddockv1.CreateUserRequest{Email: "silent@example.com"}); err != nil {
		t.Fatal(err)
	}
	as := func(email, password string) map[string]any {
		return map[string]any{"email": email, "password": password}
	}
	return map[string]map[string]any{
		"unknown email":    as("example.com@nobody", person.Password),
		"no email at all":  as("\u202e<script>\x7fnobody", person.Password),
		"wrong password":   as(person.GetEmail(), "wrong"),
		"inactive user":    as(inactive.GetEmail(), inactive.Password),
		"no password set":  as("silent@example.com", person.Password),
		"key for password": as(person.GetEmail(), person.Key),
	}
}

func TestLogin_RefusalsAreByteIdentical(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		var want, first string
		for name, request := range refusals(t, a) {
			refused := post(t, a.URL+loginPath, request)
			id := refused.header.Get("X-Request-Id")
			refused.header.Del("X-Request-Id")
			refused.header.Del("Date")
			got := fmt.Sprint(refused)
			if want == "" {
				want, first = got, name
			}
			if got != want {
				t.Errorf("%s:\n%s\nbut %s:\n%s", name, got, first, want)
			}
			if refused.status != http.StatusUnauthorized || !strings.Contains(refused.body, string(apierr.InvalidCredentials)) {
				t.Errorf("%s: %s", name, got)
			}
			entry := a.Entries(t, "login_failure")[0]
			if entry.GetOutcome() != "failure" || entry.GetActorUserId() != "" || entry.GetRequestId() != id {
				t.Errorf("%s: entry %v", name, entry)
			}
			if unknown := strings.HasSuffix(fmt.Sprint(request["email"]), "nobody"); unknown != (entry.GetTargetUserId() == "") {
				t.Errorf("%s: entry %v", name, entry)
			}
			if strings.Contains(entry.String(), fmt.Sprint(request["password"])) {
				t.Errorf("%s: the entry shows the password", name)
			}
		}
		if n := len(a.Entries(t, "login_failure")); n != 6 {
			t.Errorf("%d entries for 6 refusals", n)
		}
	})
}

// slowHash makes one hash take some 70 ms, long enough to be seen.
var slowHash = apptest.Env{"ARGON2_MEMORY_KIB": "19456", "ARGON2_TIME": "5"}

// hashes tells whether a password is hashed while call runs.
func hashes(a *apptest.App, call func()) bool {
	over := make(chan struct{})
	go func() {
		defer close(over)
		call()
	}()
	seen := false
	for {
		select {
		case <-over:
			return seen
		case <-time.After(time.Millisecond):
			seen = seen || busy(a)
		}
	}
}

func TestLogin_EveryRefusalHashesOnce(t *testing.T) {
	a := apptest.Start(t, storetest.SQLite(t), slowHash)
	for name, request := range refusals(t, a) {
		if !hashes(a, func() { post(t, a.URL+loginPath, request) }) {
			t.Errorf("%s: no hash ran, which the time tells", name)
		}
	}
}

func TestLogin_ThrottledWithoutAHash(t *testing.T) {
	a := apptest.Start(t, storetest.SQLite(t), slowHash)
	p := a.NewPerson(t)
	for i := range 5 {
		apptest.WantReason(t, login(t, a, p.GetEmail(), fmt.Sprint("wrong ", i)), apierr.InvalidCredentials)
	}
	for _, password := range []string{p.Password, "wrong"} {
		var err error
		if hashes(a, func() { err = login(t, a, p.GetEmail(), password) }) {
			t.Error("a hash ran for somebody who waits")
		}
		apptest.WantReason(t, err, apierr.LoginThrottled)
	}
}

const forwarded = "X-Forwarded-For"

func from(address string) connect.ClientOption { return apptest.WithHeader(forwarded, address) }

func TestLogin_ThrottledByAccount(t *testing.T) {
	env := apptest.Env{"TRUSTED_PROXIES": "127.0.0.0/8"}
	apptest.EachWith(t, env, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		thief := from("2001:db8:1:2::1")
		for i := range 5 {
			apptest.WantReason(t, login(t, a, p.GetEmail(), fmt.Sprint("wrong ", i), thief), apierr.InvalidCredentials)
		}
		// The sixth comes from another address of the same subscriber, with the right password, spelt otherwise.
		right := map[string]any{"email": strings.ToUpper(p.GetEmail()), "password": p.Password}
		refused := post(t, a.URL+loginPath, right, forwarded, "2001:db8:1:2:ffff::9")
		if refused.status != http.StatusTooManyRequests || !strings.Contains(refused.body, string(apierr.LoginThrottled)) ||
			!strings.Contains(refused.body, "RetryInfo") || refused.header.Get("Retry-After") != "1" {
			t.Errorf("while waiting: %v", refused)
		}
		// From elsewhere the owner comes in, and sessions and keys are not touched.
		if err := login(t, a, p.GetEmail(), p.Password, from("2001:db8:1:3::1")); err != nil {
			t.Errorf("from another network: %v", err)
		}
		for _, credential := range []string{p.Token, p.Key} {
			if _, err := a.As(credential, thief).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); err != nil {
				t.Errorf("a credential that exists: %v", err)
			}
		}
		// The wait ends by itself.
		time.Sleep(1100 * time.Millisecond)
		if err := login(t, a, p.GetEmail(), p.Password, thief); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

func TestLogin_ThrottledByNetwork(t *testing.T) {
	env := apptest.Env{"TRUSTED_PROXIES": "127.0.0.0/8"}
	apptest.EachWith(t, env, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		guess := func(i int) error {
			return login(t, a, fmt.Sprintf("guess%d@example.com", i), "wrong", from("203.0.113.7"))
		}
		for i := range 30 {
			apptest.WantReason(t, guess(i), apierr.InvalidCredentials)
		}
		for i := range 25 {
			apptest.WantReason(t, guess(100+i), apierr.LoginThrottled)
		}
		apptest.WantReason(t, login(t, a, p.GetEmail(), p.Password, from("203.0.113.7")), apierr.LoginThrottled)
		if err := login(t, a, p.GetEmail(), p.Password, from("203.0.113.8")); err != nil {
			t.Errorf("from another address: %v", err)
		}
		// One entry for the first; the others are counted.
		entries := a.Entries(t, "login_throttled")
		if len(entries) != 1 || entries[0].GetOutcome() != "denied" || entries[0].GetIp() != "203.0.113.7" ||
			entries[0].GetActorEmail() != "guess100@example.com" {
			t.Errorf("entries %v", entries)
		}
	})
}

func TestLogin_ConcurrentGuesses(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		failed := map[apierr.Reason]int{}
		var mu sync.Mutex
		apptest.AtOnce(100, func(i int) {
			err := login(t, a, p.GetEmail(), fmt.Sprint("wrong ", i))
			mu.Lock()
			defer mu.Unlock()
			failed[apptest.Reason(err)]++
		})
		if failed[apierr.InvalidCredentials] != 5 || failed[apierr.LoginThrottled] != 95 {
			t.Errorf("refused: %v, want 5 tries and 95 throttled", failed)
		}
		if n := len(a.Entries(t, "login_failure")); n != 5 {
			t.Errorf("%d failures in the audit trail", n)
		}
	})
}

func TestLogin_ConcurrentSuccesses(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		apptest.AtOnce(50, func(int) {
			if err := login(t, a, p.GetEmail(), p.Password); err != nil {
				t.Error(err)
			}
		})
	})
}

// TestLogin_GuessOfAClientThatHangsUp promises that a guess counts, and is audited, although its maker did not wait for the
// verdict: otherwise hanging up would buy hashes without end.
func TestLogin_GuessOfAClientThatHangsUp(t *testing.T) {
	a := apptest.Start(t, storetest.SQLite(t), slowHash)
	p := a.NewPerson(t)
	for range 5 {
		ctx, hangUp := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			_, _ = a.As("").Auth.Login(ctx, &paddockv1.LoginRequest{Email: p.GetEmail(), Password: "wrong"})
		}()
		waitFor(t, "a hash", func() bool { return busy(a) })
		hangUp()
		<-over
		waitFor(t, "its end", func() bool { return !busy(a) })
	}
	apptest.WantReason(t, login(t, a, p.GetEmail(), p.Password), apierr.LoginThrottled)
	waitFor(t, "5 entries", func() bool { return len(a.Entries(t, "login_failure")) == 5 })
}

func busy(a *apptest.App) bool {
	running, queued, _ := a.Hasher.Stats()
	return running+queued > 0
}

// TestLogin_RehashesOtherParameters promises that changed ARGON2_* reach everyone with their next sign-in, many of
// them at once included; until then the time of a refusal would tell old accounts from unknown ones.
func TestLogin_RehashesOtherParameters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		before := apptest.Start(t, url, nil)
		p := before.NewPerson(t)
		if err := before.Stop(); err != nil {
			t.Fatal(err)
		}
		a := apptest.Start(t, url, apptest.Env{"ARGON2_TIME": "3"})
		apptest.AtOnce(20, func(int) {
			if err := login(t, a, p.GetEmail(), p.Password); err != nil {
				t.Error(err)
			}
		})
		u, err := a.Store.User.Query().Where(user.Email(p.GetEmail())).Only(t.Context())
		if err != nil || !strings.HasPrefix(u.PasswordHash, "$argon2id$v=19$m=64,t=3,p=1$") {
			t.Errorf("hash %q, %v", u.PasswordHash, err)
		}
	})
}
