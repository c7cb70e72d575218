package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestLog_NoSecrets checks that nothing that the program writes at the lowest level, as a server and by other commands, holds a secret
// of its settings. (apptest's TestCanaries looks for those of calls.)
func TestLog_NoSecrets(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]string{"sqlite": storetest.SQLite(t), "postgres": withPassword(t, storetest.PostgreSQL(t), "canary-database")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := onItsOwn(t).with(environment{
				"LOG_LEVEL": "debug", "DATABASE_URL": database, "ADMIN_BOOTSTRAP_PASSWORD": "canary-bootstrap", "DB_PASSWORD": "canary-unused",
				"JWT_SECRET": "canary-9f1c2ab07d3e48c5a6b1d0e7f8c3b2a4", "JWT_SECRET_PREVIOUS": "canary-8f1c2ab07d3e48c5a6b1d0e7f8c3b2a4",
			})
			p := start(t, env, "serve")
			a := p.app(t)
			in := a.Login(t, "admin@example.com", "canary-bootstrap")
			p.stop(t)
			written := p.stderr.String()
			if !strings.Contains(written, "AuthService/Login") {
				t.Errorf("the log says nothing of a call: %s", written)
			}
			for _, args := range [][]string{{"check", "--config"}, {"migrate", "status"}, {"seed"}, {"migrate"}, {"backup", filepath.Join(t.TempDir(), "backup")}} {
				_, stdout, stderr := runCommand(t, env, args...)
				written += stdout + stderr
			}
			_, stdout, stderr := runCommand(t, env.with(environment{"DB_PORT": "canary-port", "JWT_ALG": "canary-algorithm"}), "serve")
			written += stdout + stderr
			for _, s := range []string{"canary", url.QueryEscape("canary-database"), a.AdminKey[20:], in.GetAccessToken(), in.GetRefreshToken()} {
				if i := strings.Index(written, s); i >= 0 {
					t.Errorf("%s was written: …%s…", s, written[max(0, i-200):min(len(written), i+100)])
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

// TestLog_UnsolicitedAnswer checks that nothing of what an upstream sends behind its answer comes into the log, where net/http would
// quote it.
func TestLog_UnsolicitedAnswer(t *testing.T) {
	t.Parallel()
	models := ollamatest.New()
	sent := make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			models.ServeHTTP(w, r)
			return
		}
		conn, answer, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		const body = `{"message":{"role":"assistant","content":"a"},"done":true}`
		_, _ = fmt.Fprintf(answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		_ = answer.Flush()
		_, _ = io.WriteString(conn, "canary-of-an-answer")
		close(sent)
		_, _ = io.Copy(io.Discard, conn) // until the other side closes it
	}))
	t.Cleanup(upstream.Close)
	p := start(t, onItsOwn(t).with(environment{"OLLAMA_BASE_URL": upstream.URL, "LOG_LEVEL": "debug"}), "serve")
	a := p.app(t)
	call, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL+"/api/chat",
		strings.NewReader(`{"model":"tiny-chat","stream":false,"messages":[{"role":"user","content":"hi"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	call.Header.Set("X-Api-Key", a.AdminKey)
	res, err := http.DefaultClient.Do(call)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("%d %s, %v", res.StatusCode, text, err)
	}
	<-sent
	time.Sleep(200 * time.Millisecond)
	p.stop(t)
	if log := p.stderr.String(); strings.Contains(log, "canary") {
		t.Errorf("the log quotes the answer: %s", log)
	}
}
