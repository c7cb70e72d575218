package check_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/ent/db/credential"
	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/check"
	"github.com/paddock-gate/paddock/internal/convert"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

const (
	whoAmI = paddockv1connect.AuthServiceWhoAmIProcedure
	logout = paddockv1connect.AuthServiceLogoutProcedure
	issue  = paddockv1connect.CredentialServiceIssueApiKeyProcedure
	revoke = paddockv1connect.CredentialServiceRevokeCredentialProcedure
	trail  = paddockv1connect.AuditServiceListAuditEntriesProcedure
)

var tinyModels = apptest.Env{"DEFAULT_CHAT_MODEL": "tiny-chat", "DEFAULT_EMBED_MODEL": "tiny-embed"}

// front stands in front of a server, as a proxy does, and sees the credentials that pass.
type front struct {
	*httptest.Server
	mu          sync.Mutex
	credentials map[string]bool
}

// spoil answers a request in place of the server; false has the server answer.
type spoil func(w http.ResponseWriter, r *http.Request, server http.Handler) bool

func newFront(t *testing.T, a *apptest.App, s spoil) *front {
	t.Helper()
	target, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true} // which a server that stops would wait for
	server := apptest.FullDuplex(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport, FlushInterval: -1,
	})
	f := &front{credentials: map[string]bool{}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.credentials[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")] = true
		f.mu.Unlock()
		if s == nil || !s(w, r, server) {
			server.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

// run checks the server behind a front and returns the lines. It fails the test when a credential is in them, or when the check
// leaves a key or a session behind.
func run(t *testing.T, a *apptest.App, s spoil, change func(*check.Target)) (lines string, ok bool) {
	t.Helper()
	f := newFront(t, a, s)
	target := check.Target{URL: f.URL, Email: apptest.AdminEmail, Password: apptest.AdminPassword, Timeout: 20 * time.Second}
	if change != nil {
		change(&target)
	}
	before := liveSessions(t, a)
	var out strings.Builder
	ok = check.Server(t.Context(), &out, target)
	lines = out.String()
	f.credentials[apptest.AdminPassword] = true
	for c := range f.credentials {
		if c != "" && strings.Contains(lines, c) {
			t.Errorf("a credential is printed:\n%s", lines)
		}
	}
	if n := liveKeys(t, a); n != 0 {
		t.Errorf("%d keys are left behind:\n%s", n, lines)
	}
	if after := liveSessions(t, a); after != before {
		t.Errorf("%d sessions are left behind:\n%s", after-before, lines)
	}
	return lines, ok
}

// liveSessions returns how many people are signed in.
func liveSessions(t *testing.T, a *apptest.App) int {
	t.Helper()
	return a.Store.Session.Query().Where(convert.OpenSession(time.Now())).CountX(t.Context())
}

// hangUp waits until the client has gone, which net/http notices once the body is read.
func hangUp(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// liveKeys returns how many keys of a check still work.
func liveKeys(t *testing.T, a *apptest.App) int {
	t.Helper()
	return a.Store.Credential.Query().Where(credential.LabelHasPrefix("paddock check"), credential.RevokedAtIsNil()).CountX(t.Context())
}

func TestServer_AllPass(t *testing.T) {
	t.Parallel()
	apptest.EachWith(t, tinyModels, func(t *testing.T, a *apptest.App) {
		person := a.Login(t, apptest.AdminEmail, apptest.AdminPassword)
		for name, change := range map[string]func(*check.Target){
			"password":     nil,
			"API key":      func(c *check.Target) { c.Token, c.Password = a.AdminKey, "" },
			"access token": func(c *check.Target) { c.Token, c.Password = person.GetAccessToken(), "" },
			"models":       func(c *check.Target) { c.ChatModel, c.EmbedModel = "tiny-tools", "tiny-embed:latest" },
		} {
			lines, ok := run(t, a, nil, change)
			if !ok || strings.Contains(lines, "FAIL") || strings.Contains(lines, "skip") || strings.Count(lines, "\n") != 13 {
				t.Errorf("%s:\n%s", name, lines)
			}
		}
		if n := len(a.Entries(t, "api_key_revoked")); n != 4 {
			t.Errorf("%d keys were revoked", n)
		}
	})
}

// answer has the front answer a path.
func answer(path string, status int, body string) spoil {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.URL.Path != path {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(path, "/paddock.v1.") {
			w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	}
}

// once is a spoil for the first request that it answers.
func once(s spoil) spoil {
	var done sync.Once
	return func(w http.ResponseWriter, r *http.Request, server http.Handler) (spoilt bool) {
		if rec := httptest.NewRecorder(); s(rec, r.Clone(r.Context()), server) {
			done.Do(func() { spoilt = s(w, r, server) })
		}
		return spoilt
	}
}

// keyRefused has the front refuse the caller who has the key.
func keyRefused(w http.ResponseWriter, r *http.Request, server http.Handler) bool {
	if r.URL.Path != whoAmI || !strings.Contains(r.Header.Get("Authorization"), "pdk_") {
		return false
	}
	r.Header.Set("Authorization", "Bearer nobody")
	server.ServeHTTP(w, r)
	return true
}

// lost has the server do what the request asks for, and the client hear nothing of it.
func lost(path string) spoil {
	return func(_ http.ResponseWriter, r *http.Request, server http.Handler) bool {
		if r.URL.Path != path {
			return false
		}
		server.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
}

func TestServer_EachFailing(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), tinyModels)
	user := a.NewPerson(t, "user")
	for name, c := range map[string]struct {
		spoil  spoil
		change func(*check.Target)
		want   string // a line's pattern
	}{
		"not there":      {change: func(c *check.Target) { c.URL = "http://127.0.0.1:1" }, want: `FAIL  health  .* connection refused`},
		"no Paddock":     {spoil: answer("/healthz", 404, "<html>"), want: `FAIL  health  .* 404 Not Found, and no JSON`},
		"not healthy":    {spoil: answer("/healthz", 500, `{"status":"ill"}`), want: `FAIL  health  .* 500, status "ill"`},
		"no version":     {spoil: answer("/healthz", 200, `{"status":"ok"}`), want: `warn  version  .* does not tell`},
		"version needed": {answer("/healthz", 200, `{"status":"ok"}`), func(c *check.Target) { c.Version = "v2" }, `FAIL  version  .* does not tell`},
		"other version":  {answer("/healthz", 200, `{"status":"ok","version":"v1"}`), func(c *check.Target) { c.Version = "v2" }, `FAIL  version  .*v1, not v2`},
		"the version":    {answer("/healthz", 200, `{"status":"ok","version":"v2"}`), func(c *check.Target) { c.Version = "v2" }, `ok    version  .*v2`},
		"not ready": {
			spoil: answer("/readyz", 503, `{"status":"unavailable","checks":{"database":"ok","schema":"behind"},"upstream":"ok"}`),
			want:  `FAIL  readiness .* 503: schema behind`,
		},
		"Ollama degraded": {spoil: answer("/readyz", 200, `{"status":"ready","upstream":"degraded"}`), want: `warn  readiness .* degraded`},
		"wrong password":  {change: func(c *check.Target) { c.Password = "not the one" }, want: `FAIL  sign-in .*INVALID_CREDENTIALS, request [0-9a-f]{32}\)`},
		"wrong token":     {change: func(c *check.Target) { c.Token = "nonsense" }, want: `FAIL  sign-in .*UNAUTHENTICATED`},
		"no admin":        {change: func(c *check.Target) { c.Token = user.Key }, want: `FAIL  sign-in .*person\d+@example.com is no admin`},
		"no such model":   {change: func(c *check.Target) { c.ChatModel = "nope" }, want: `FAIL  chat .*MODEL_NOT_FOUND`},
		"no vectors":      {change: func(c *check.Target) { c.EmbedModel = "nope" }, want: `FAIL  embedding .*MODEL_NOT_FOUND`},
		"key not issued":  {spoil: answer(issue, 500, ""), want: `FAIL  key issued .*`},
		"key lost":        {spoil: lost(issue), want: `FAIL  key issued .*`},
		"key not known":   {spoil: keyRefused, want: `FAIL  key used .*UNAUTHENTICATED`},
		"key not revoked": {spoil: once(answer(revoke, 200, "")), want: `FAIL  key revoked .*still works`},
		"no entries":      {spoil: answer(trail, 200, ""), want: `FAIL  audit trail .*no entry api_key_`},
		"still signed in": {spoil: once(answer(logout, 200, "")), want: `FAIL  sign-out .*still works`},
	} {
		lines, ok := run(t, a, c.spoil, c.change)
		if !regexp.MustCompile(`(?m)^`+c.want).MatchString(lines) || ok == strings.Contains(c.want, "FAIL") {
			t.Errorf("%s: %t, want %s\n%s", name, ok, c.want, lines)
		}
		if strings.Contains(lines, ", 0 failed") != ok {
			t.Errorf("%s: %t\n%s", name, ok, lines)
		}
	}
}

func TestServer_OllamaAway(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"OLLAMA_BASE_URL": "http://127.0.0.1:1"})
	lines, ok := run(t, a, nil, nil)
	for _, want := range []string{`warn  readiness .*unavailable`, `FAIL  models .*UPSTREAM_UNAVAILABLE`, `FAIL  chat .*UPSTREAM_UN`, `FAIL  embedding .*UPSTREAM_UN`, `ok    sign-out`} {
		if ok || !regexp.MustCompile(`(?m)^`+want).MatchString(lines) {
			t.Errorf("%t, want %s\n%s", ok, want, lines)
		}
	}
}

func TestServer_DefaultModelsMissing(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	lines, ok := run(t, a, nil, nil)
	if ok || !strings.Contains(lines, "set DEFAULT_CHAT_MODEL there, or name another one with --chat-model") || !strings.Contains(lines, "--embed-model") {
		t.Errorf("%t\n%s", ok, lines)
	}
}

// TestServer_NoModels checks a server that lists none.
func TestServer_NoModels(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), tinyModels)
	lines, ok := run(t, a, answer(paddockv1connect.OllamaServiceListModelsProcedure, 200, ""), nil)
	if ok || !strings.Contains(lines, "there are none: `ollama pull` one") {
		t.Errorf("%t\n%s", ok, lines)
	}
}

// TestServer_Interrupted checks that what was made is taken away although the check is interrupted in the middle of it.
func TestServer_Interrupted(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), tinyModels)
	for _, at := range []string{issue, revoke} {
		ctx, interrupt := context.WithCancel(t.Context())
		f := newFront(t, a, func(w http.ResponseWriter, r *http.Request, server http.Handler) bool {
			if r.URL.Path == at && ctx.Err() == nil {
				if at == issue {
					server.ServeHTTP(httptest.NewRecorder(), r)
				}
				interrupt()
				hangUp(r)
				return true
			}
			return false
		})
		var out strings.Builder
		ok := check.Server(ctx, &out, check.Target{URL: f.URL, Email: apptest.AdminEmail, Password: apptest.AdminPassword, Timeout: 20 * time.Second})
		sessions := liveSessions(t, a)
		if n := liveKeys(t, a); ok || n != 0 || sessions != 0 {
			t.Errorf("at %s: %t, %d keys and %d sessions are left behind\n%s", at, ok, n, sessions, out.String())
		}
		interrupt()
	}
}

// TestServer_Timeout checks that a check that gets no answer ends.
func TestServer_Timeout(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), tinyModels)
	silent := func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.URL.Path != paddockv1connect.OllamaServiceChatProcedure {
			return false
		}
		hangUp(r)
		return true
	}
	lines, ok := run(t, a, silent, func(c *check.Target) { c.Timeout = 3 * time.Second })
	if ok || !strings.Contains(lines, "no answer within 3s") || !strings.Contains(lines, "ok    sign-out") {
		t.Errorf("%t\n%s", ok, lines)
	}
}

// TestServer_Redirected checks that credentials do not follow a redirect.
func TestServer_Redirected(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	f := newFront(t, a, nil)
	from := httptest.NewServer(http.RedirectHandler(f.URL, http.StatusMovedPermanently))
	t.Cleanup(from.Close)
	lines, ok := run(t, a, nil, func(c *check.Target) { c.URL = from.URL })
	if ok || !strings.Contains(lines, "FAIL  health        redirected to "+f.URL+": give that address") {
		t.Errorf("%t\n%s", ok, lines)
	}
}

func TestParseURL(t *testing.T) {
	for text, want := range map[string]string{
		"http://127.0.0.1:8080": "http://127.0.0.1:8080", "https://paddock.example.com/": "https://paddock.example.com",
		"https://example.com/paddock/": "https://example.com/paddock", "paddock.example.com": "", "http://": "", "ftp://x": "",
		"http://u:p@x": "", "http://x?y": "", "http://x#y": "", ":": "",
	} {
		if got, err := check.ParseURL(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
