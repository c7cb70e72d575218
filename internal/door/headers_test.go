package door

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestCORS_StockClients: preflight requests as browsers send them, with the names of headers in lower case and in order.
func TestCORS_StockClients(t *testing.T) {
	const origin = "https://app.example.com"
	handler := CORS([]string{origin}, http.NotFoundHandler())
	for name, c := range map[string]struct {
		headers string
		allowed bool
	}{
		"Ollama": {"authorization,content-type,user-agent", true},
		"OpenAI": {
			"authorization,content-type,openai-organization,openai-project,x-stainless-arch,x-stainless-lang,x-stainless-os," +
				"x-stainless-package-version,x-stainless-retry-count,x-stainless-runtime,x-stainless-runtime-version,x-stainless-timeout", true,
		},
		"OpenAI's helpers": {
			"authorization,content-type,openai-beta,x-stainless-async,x-stainless-custom-poll-interval,x-stainless-helper-method," +
				"x-stainless-poll-helper", true,
		},
		"Anthropic": {
			"anthropic-beta,anthropic-dangerous-direct-browser-access,anthropic-version,content-type,x-api-key,x-stainless-arch," +
				"x-stainless-lang,x-stainless-os,x-stainless-package-version,x-stainless-retry-count,x-stainless-runtime," +
				"x-stainless-runtime-version,x-stainless-timeout", true,
		},
		"agents":        {"authorization,content-type,session-id,x-claude-code-session-id,x-requested-with,x-session-affinity", true},
		"anything else": {"authorization,x-else", true},
	} {
		ask := httptest.NewRequest(http.MethodOptions, "/v1/chat/completions", nil)
		ask.Header.Set("Origin", origin)
		ask.Header.Set("Access-Control-Request-Method", http.MethodPost)
		ask.Header.Set("Access-Control-Request-Headers", c.headers)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, ask)
		if allowed := answer.Header().Get("Access-Control-Allow-Headers") == c.headers; allowed != c.allowed {
			t.Errorf("%s: %d %v", name, answer.Code, answer.Header())
		}
	}
	ask := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", nil)
	ask.Header.Set("Origin", origin)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, ask)
	for _, read := range []string{"Retry-After", "X-Should-Retry", "X-Request-Id"} {
		if shown := answer.Header().Get("Access-Control-Expose-Headers"); !strings.Contains(shown, read) {
			t.Errorf("%s is not shown: %s", read, shown)
		}
	}
}

// TestIsCrossOrigin_WithoutSecFetchSite: requests of old browsers, and to servers without TLS.
func TestIsCrossOrigin_WithoutSecFetchSite(t *testing.T) {
	for _, c := range []struct {
		origin, host string
		encrypted    bool
		want         bool
	}{
		{"", "paddock.example", false, false},
		{"http://paddock.example", "paddock.example", false, false},
		{"http://paddock.example", "paddock.example:80", false, false},
		{"http://Paddock.example:8080", "paddock.example:8080", false, false},
		{"https://paddock.example", "paddock.example", true, false},
		{"https://paddock.example", "paddock.example:443", true, false},
		{"https://paddock.example", "paddock.example", false, false}, // an unknown proxy may be in front
		{"http://[::1]:8080", "[::1]:8080", false, false},

		{"http://paddock.example", "paddock.example", true, true},
		{"http://localhost:5173", "localhost:8080", false, true},
		{"http://localhost", "localhost:8080", false, true},
		{"https://paddock.example:8443", "paddock.example", true, true},
		{"https://paddock.example.evil.example", "paddock.example", true, true},
		{"https://evil.example", "paddock.example", true, true},
		{"app://paddock.example", "paddock.example", true, true},
		{"app://paddock.example", "paddock.example", false, true},
		{"null", "paddock.example", false, true},
		{"null", "null", false, true},
		{"paddock.example", "paddock.example", false, true},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if got := isCrossOrigin(r, c.host, c.encrypted); got != c.want {
			t.Errorf("%q at %q, TLS %t: %t", c.origin, c.host, c.encrypted, got)
		}
	}
}

// FuzzIsCrossOrigin checks that a page's origin is taken for the server's own only if a browser would.
func FuzzIsCrossOrigin(f *testing.F) {
	f.Add("http://a.example:80", "a.example", "", false)
	f.Add("https://A.example", "a.example:443", "", true)
	f.Add("null", "null", "cross-site", false)
	f.Add("http://a@b", "b", "", false)
	f.Fuzz(func(t *testing.T, origin, host, site string, encrypted bool) {
		header := http.Header{"Origin": {origin}, "Sec-Fetch-Site": {site}}
		if origin == "" || isCrossOrigin(&http.Request{Header: header}, host, encrypted) {
			return
		}
		if site == "same-origin" || site == "none" {
			return
		}
		page, err := url.Parse(origin)
		if site != "" || err != nil && !strings.HasSuffix(origin, host) {
			t.Fatalf("%q of %q, %q: %v", origin, host, site, err)
		}
		if err != nil {
			return // no browser sends it
		}
		port := map[string]string{"http": ":80", "https": ":443"}[page.Scheme]
		if port == "" || encrypted && page.Scheme != "https" || !strings.EqualFold(page.Host, host) && !strings.EqualFold(page.Host+port, host) {
			t.Errorf("%q is of %q", origin, host)
		}
	})
}

// FuzzAllowsOrigin checks that the origins allowed by a pattern are those that it stands for.
func FuzzAllowsOrigin(f *testing.F) {
	for _, s := range []string{"https://a.example", "http://localhost:5173", "http://localhost", "moz-extension://x", "http://localhost:99999", "http://localhost:1.evil.example", "null"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, origin string) {
		u, err := url.Parse(origin)
		for _, allowed := range []string{"https://a.example", "http://localhost:*", "moz-extension://*"} {
			if !allowsOrigin([]string{allowed}, origin) {
				continue
			}
			scheme, host, _ := strings.Cut(strings.TrimRight(allowed, ":*"), "://")
			if err != nil && scheme != "moz-extension" || err == nil && (u.Scheme != scheme || scheme == "http" && u.Hostname() != host) ||
				scheme == "https" && origin != allowed {
				t.Errorf("%s allows %q", allowed, origin)
			}
		}
	})
}
