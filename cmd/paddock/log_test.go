package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestLog_NoSecrets checks that after a day's work at the lowest level, nothing that the program writes holds a password, a
// key, a token or a prompt, wherever those were put.
func TestLog_NoSecrets(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(ollamatest.New())
	t.Cleanup(upstream.Close)
	for name, database := range map[string]string{"sqlite": storetest.SQLite(t), "postgres": withPassword(t, storetest.PostgreSQL(t), "canary-database")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, onItsOwn(t).with(environment{
				"LOG_LEVEL": "debug", "DATABASE_URL": database, "OLLAMA_BASE_URL": upstream.URL,
				"JWT_SECRET": "canary-9f1c2ab07d3e48c5a6b1d0e7f8c3b2a4", "ADMIN_BOOTSTRAP_PASSWORD": "canary-bootstrap",
			}), "serve")
			a := p.app(t)
			secrets := append(work(t, a), "canary", a.AdminKey)
			p.stop(t)
			log := p.stderr.String()
			for _, s := range secrets {
				for _, part := range []string{s, url.QueryEscape(s), s[len(s)/2:]} {
					if i := strings.Index(log, part); i >= 0 {
						t.Errorf("the log holds %q: …%s…", s, log[max(0, i-200):min(len(log), i+100)])
					}
				}
			}
		})
	}
}

func withPassword(t *testing.T, database, password string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(u.User.Username(), password) // the server checks no password
	return u.String()
}

// work does what can be done wrong and right, and returns the secrets that were made on the way.
func work(t *testing.T, a *apptest.App) (secrets []string) {
	t.Helper()
	ctx := t.Context()
	in := a.Login(t, "admin@example.com", "canary-bootstrap")
	admin := a.As(in.GetAccessToken())
	person := a.NewPerson(t, "user")
	secrets = append(secrets, in.GetAccessToken(), in.GetRefreshToken(), person.Token, person.Key, person.Password)

	for _, password := range []string{"canary-wrong", person.Key} {
		_, _ = a.As("").Auth.Login(ctx, &paddockv1.LoginRequest{Email: person.GetEmail(), Password: password})
	}
	next, err := a.As("").Auth.Refresh(ctx, &paddockv1.RefreshRequest{RefreshToken: in.GetRefreshToken()})
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, next.GetRefreshToken(), next.GetAccessToken())
	_, _ = a.As("").Auth.Refresh(ctx, &paddockv1.RefreshRequest{RefreshToken: "canary-refresh"})
	_, _ = a.As(person.Token).Auth.ChangePassword(ctx, &paddockv1.ChangePasswordRequest{CurrentPassword: person.Password, NewPassword: "canary-changed-1"})
	_, _ = admin.Users.SetPassword(ctx, &paddockv1.SetPasswordRequest{UserId: person.GetId(), Password: "canary-set-by-admin"})
	_, _ = admin.Users.SetPassword(ctx, &paddockv1.SetPasswordRequest{UserId: person.GetId(), Password: "canary"}) // too weak
	rotated, err := admin.Credentials.RotateCredential(ctx, &paddockv1.RotateCredentialRequest{Id: person.KeyID})
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, rotated.GetSecret())
	_, _ = admin.Users.UpdateUser(ctx, &paddockv1.UpdateUserRequest{Id: person.GetId(), Active: new(false)})
	_, _ = a.As(rotated.GetSecret()).Auth.WhoAmI(ctx, &paddockv1.WhoAmIRequest{})
	for _, model := range []string{"tiny-chat", "tiny-stuck", "no-such-model"} {
		stream, err := admin.Ollama.Chat(ctx, &paddockv1.ChatRequest{Model: model, Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "canary-said"}}})
		if err != nil {
			t.Fatal(err)
		}
		for stream.Receive() {
		}
	}
	for _, request := range []struct{ path, header, body string }{
		{"Login", "", `{"email":"canary-email-typed-into@the","password":12345,"password":"canary"}`},
		{"Login", "", `{"email":"a@example.com","passwrd":"canary"}`},
		{"Login", "", `{"email":"a@example.com","password":"canary`},
		{"WhoAmI?access_token=canary&connect=v1", "Bearer canary", `{}`},
		{"WhoAmI", "Basic Y2FuYXJ5OmNhbmFyeQ==", `{}`},
		{"WhoAmI", "Bearer " + person.Key + "canary", `{}`},
		{"WhoAmI", "Bearer " + in.GetAccessToken() + "canary", `{}`},
	} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+"/paddock.v1.AuthService/"+request.path, strings.NewReader(request.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", request.header)
		req.Header.Set("X-Api-Key", "canary")
		req.Header.Set("Cookie", "paddock_refresh=canary")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	return secrets
}

// TestLog_UntrustedProxyOnce checks that requests through a proxy that is not configured as trusted are reported once:
// behind it all clients would share one throttle.
func TestLog_UntrustedProxyOnce(t *testing.T) {
	t.Parallel()
	for trusted, want := range map[string]int{"": 1, "192.0.2.0/24": 1, "127.0.0.0/8": 0} {
		p := start(t, onItsOwn(t).with(environment{
			"ENVIRONMENT": "prod", "ARGON2_MEMORY_KIB": "7168", "TRUSTED_PROXIES": trusted, "LOG_LEVEL": "info",
		}), "serve")
		a := p.app(t)
		if _, err := whoAmI(t, a, a.AdminKey); err != nil {
			t.Error(err)
		}
		if strings.Contains(p.stderr.String(), "WARN") {
			t.Errorf("TRUSTED_PROXIES=%q: told without a proxy: %s", trusted, p.stderr.String())
		}
		for range 3 {
			_, _ = a.As(a.AdminKey, apptest.WithHeader("X-Forwarded-For", "198.51.100.7")).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
		}
		p.stop(t)
		log := p.stderr.String()
		if n := strings.Count(log, "TRUSTED_PROXIES does not name"); n != want || n > 0 && !strings.Contains(log, `"peer":"127.0.0.1"`) {
			t.Errorf("TRUSTED_PROXIES=%q: told %d times, want %d:\n%s", trusted, n, want, log)
		}
	}
}

// TestLog_EveryRequest checks that every request is one line of the log, with what an operator looks for.
func TestLog_EveryRequest(t *testing.T) {
	t.Parallel()
	p := start(t, onItsOwn(t), "serve")
	a := p.app(t)
	person := a.NewPerson(t)
	_, _ = a.As(person.Token, apptest.WithHeader("X-Request-Id", "line-1")).Users.ListUsers(t.Context(), &paddockv1.ListUsersRequest{})
	_, _ = a.As("", apptest.WithHeader("X-Request-Id", "line-2")).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
	_, _ = a.AsGRPC(person.Key).Auth.Logout(t.Context(), &paddockv1.LogoutRequest{})
	get(a.URL + "/assets/nothing%0Ahere")
	get(a.URL + "/healthz") // too many of those
	p.stop(t)

	type line struct {
		Msg, Level, Method, Path, Code, IP string
		Status                             int
		UserID                             string  `json:"user_id"`
		RequestID                          string  `json:"request_id"`
		Duration                           float64 `json:"duration_ms"`
	}
	byID, byPath := map[string]line{}, map[string]line{}
	for text := range strings.Lines(p.stderr.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Errorf("not JSON: %s", text)
		}
		if l.Msg == "request" {
			byID[l.RequestID], byPath[l.Path] = l, l
		}
	}
	got := byID["line-1"]
	if got.Path != "/paddock.v1.UserService/ListUsers" || got.Status != 403 || got.UserID != person.GetId() || got.Method != http.MethodPost ||
		got.Code != "permission_denied" || got.Duration <= 0 || got.IP != "127.0.0.1" {
		t.Errorf("a refusal: %+v", got)
	}
	if got := byID["line-2"]; got.Status != 401 || got.UserID != "" || got.Code != "unauthenticated" {
		t.Errorf("a stranger: %+v", got)
	}
	if got := byPath["/paddock.v1.AuthService/Logout"]; got.Status != 403 || got.Code != "permission_denied" || got.UserID != person.GetId() {
		t.Errorf("gRPC: %+v", got)
	}
	if got := byPath["/assets/nothing\nhere"]; got.Status != 404 {
		t.Errorf("not found: %+v", got)
	}
	if _, logged := byPath["/healthz"]; logged {
		t.Error("probes are logged")
	}
}
