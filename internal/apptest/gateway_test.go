package apptest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func askGateway(t testing.TB, a *apptest.App, method, path, key, body string) answer {
	t.Helper()
	h := http.Header{}
	if key != "" {
		h.Set("Authorization", "Bearer "+key)
	}
	return send(t, method, a.URL+path, h, body)
}

// TestGateway_AccessRules checks that the gateway's routes have the access rules of RPCs: a caller without access is refused
// in the dialect, before the body is read.
func TestGateway_AccessRules(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		user, nobody := a.NewPerson(t, "user"), a.NewPerson(t)
		routes := []struct{ method, path, body string }{
			{"POST", "/api/chat", `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}],"stream":false}`},
			{"POST", "/api/generate", `{"model":"tiny-chat","prompt":"hi","stream":false}`},
			{"POST", "/api/embed", `{"model":"tiny-embed","input":"hi"}`},
			{"POST", "/api/embeddings", `{"model":"tiny-embed","prompt":"hi"}`},
			{"POST", "/api/show", `{"model":"tiny-chat"}`},
			{"GET", "/api/tags", ""},
			{"GET", "/api/ps", ""},
			{"POST", "/v1/chat/completions", `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`},
			{"POST", "/v1/completions", `{"model":"tiny-chat","prompt":"hi"}`},
			{"POST", "/v1/embeddings", `{"model":"tiny-embed","input":"hi"}`},
			{"GET", "/v1/models", ""},
			{"GET", "/v1/models/tiny-chat", ""},
			{"POST", "/v1/messages", `{"model":"tiny-chat","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`},
		}
		for _, r := range routes {
			for name, c := range map[string]struct {
				key  string
				want int
			}{
				"nobody": {"", 401}, "a wrong key": {"pdk_nonsense", 401}, "no role": {nobody.Key, 403},
				"a user's key": {user.Key, 200}, "a user's session": {user.Token, 200}, "admin": {a.AdminKey, 200},
			} {
				got := askGateway(t, a, r.method, r.path, c.key, r.body)
				if got.StatusCode != c.want {
					t.Errorf("%s %s as %s: %d %s", r.method, r.path, name, got.StatusCode, got.body)
				}
				if c.want >= 400 && !strings.HasPrefix(got.body, map[bool]string{
					true: `{"error":"`, false: `{"error":{"message":"`,
				}[strings.HasPrefix(r.path, "/api")]) && r.path != "/v1/messages" {
					t.Errorf("%s %s as %s: %s", r.method, r.path, name, got.body)
				}
			}
		}
		if e := a.Entries(t, "access_denied"); len(e) < len(routes) || !strings.Contains(e[0].GetDetail(), "/v1/messages: this needs a role") {
			t.Errorf("%d entries, the last: %v", len(e), e[0])
		}
		// Revoked is revoked, from the next call on.
		a.Exec(t, `UPDATE credentials SET revoked_at = created_at WHERE user_id = (SELECT id FROM users WHERE email = $1)`, user.GetEmail())
		if got := askGateway(t, a, "GET", "/api/tags", user.Key, ""); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("a revoked key: %d", got.StatusCode)
		}
	})
}

func TestGateway_HeartbeatWithoutKey(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	for _, c := range []struct{ method, path, accept, want string }{
		{"GET", "/", "", "Ollama is running"},
		{"GET", "/", "*/*", "Ollama is running"},
		{"HEAD", "/", "", ""},
		{"GET", "/api/version", "", `{"version":"`},
		{"GET", "/", "text/html,application/xhtml+xml,*/*;q=0.8", "<!doctype html>"},
	} {
		h := http.Header{}
		h.Set("Accept", c.accept)
		got := send(t, c.method, a.URL+c.path, h, "")
		if got.StatusCode != http.StatusOK || !strings.HasPrefix(strings.ToLower(got.body), strings.ToLower(c.want)) {
			t.Errorf("%s %s for %q: %d %.60s", c.method, c.path, c.accept, got.StatusCode, got.body)
		}
	}
}

// TestGatewayStream_KeyRevoked checks that a stream of the gateway ends within two seconds of its key, and as an error in
// the client's dialect.
func TestGatewayStream_KeyRevoked(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for path, want := range map[string]string{
			"/api/chat":            `{"error":"`,
			"/v1/chat/completions": `data: {"error":{"message":"`,
		} {
			p := a.NewPerson(t, "user")
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+path,
				strings.NewReader(`{"model":"tiny-slow","stream":true,"messages":[{"role":"user","content":"hi"}]}`))
			must(t, err)
			req.Header.Set("X-Api-Key", p.Key)
			res, err := http.DefaultClient.Do(req)
			must(t, err)
			defer res.Body.Close()
			_, err = io.ReadFull(res.Body, make([]byte, 20))
			must(t, err)
			revoked := time.Now()
			a.Exec(t, `UPDATE credentials SET revoked_at = created_at WHERE id = $1`, uuid.MustParse(p.KeyID))
			rest, err := io.ReadAll(res.Body)
			must(t, err)
			if last := lastLine(string(rest)); time.Since(revoked) > 3*time.Second || !strings.HasPrefix(last, want) {
				t.Errorf("%s: after %v: %s", path, time.Since(revoked), last)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		must(t, a.Upstream.WaitIdle(ctx))
	})
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

func TestRateLimit_Gateway(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"RATE_LIMIT_PER_MINUTE": "2"})
	for i, want := range []int{200, 200, 429} {
		got := askGateway(t, a, "GET", "/v1/models", a.AdminKey, "")
		if got.StatusCode != want || got.Header.Get("X-RateLimit-Limit") != "2" {
			t.Errorf("call %d: %d %v %s", i, got.StatusCode, got.Header, got.body)
		}
		if want == 429 && (got.Header.Get("Retry-After") == "" || !strings.Contains(got.body, `"type":"rate_limit_error"`)) {
			t.Errorf("%v %s", got.Header, got.body)
		}
	}
}

// TestQuotaExceeded_EveryDialect checks that the error of an exceeded quota says, in every dialect, what is used, what the
// limit is and when it resets.
func TestQuotaExceeded_EveryDialect(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"DEFAULT_TOKENS_PER_DAY": "3"})
	for path, want := range map[string]string{
		"/api/chat":            `{"error":"token quota exceeded: 0 of 3 tokens used this day;`,
		"/v1/chat/completions": `{"error":{"message":"token quota exceeded: 0 of 3 tokens used this day;`,
	} {
		got := askGateway(t, a, "POST", path, a.AdminKey, `{"model":"tiny-chat","messages":[{"role":"user","content":"hello there, you"}]}`)
		if got.StatusCode != http.StatusTooManyRequests || !strings.HasPrefix(got.body, want) || !strings.Contains(got.body, "will reset at 2") ||
			got.Header.Get("Retry-After") == "" || got.Header.Get("X-Should-Retry") != "false" {
			t.Errorf("%s: %d %v %s", path, got.StatusCode, got.Header, got.body)
		}
	}
	if n := len(a.Upstream.To("/api/chat")) + len(a.Upstream.To("/v1/chat/completions")); n != 0 {
		t.Errorf("%d calls went upstream", n)
	}
}
