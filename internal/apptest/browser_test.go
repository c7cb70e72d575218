package apptest_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func TestCORS_AllowedOrigins(t *testing.T) {
	t.Parallel()
	const page = "https://page.example.com"
	for _, c := range []struct {
		name, allowed, origin string
		want                  string // Access-Control-Allow-Origin
	}{
		{"off by default", "", page, ""},
		{"allowed", page, page, page},
		{"one of two", "https://other.example.com," + page, page, page},
		{"another", page, "https://evil.example.com", ""},
		{"another port", page, page + ":8443", ""},
		{"another scheme", page, "http://page.example.com", ""},
		{"a suffix", page, page + ".evil.example", ""},
		{"a prefix", page, "https://evilpage.example.com", ""},
		{"null", page, "null", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"CORS_ALLOWED_ORIGINS": c.allowed})
			url := a.URL + paddockv1connect.AuthServiceWhoAmIProcedure
			ask := send(t, http.MethodOptions, url, http.Header{
				"Origin": {c.origin}, "Access-Control-Request-Method": {"POST"},
				"Access-Control-Request-Headers": {"authorization,connect-protocol-version,content-type,x-request-id"},
			}, "")
			call := bearerOf(a.AdminKey)
			call.Set("Origin", c.origin)
			got := send(t, http.MethodPost, url, call, "{}")
			for name, answer := range map[string]answer{"preflight": ask, "call": got} {
				if v := answer.Header.Get("Access-Control-Allow-Origin"); v != c.want {
					t.Errorf("%s: allowed origin %q, want %q", name, v, c.want)
				}
				if v := answer.Header.Get("Access-Control-Allow-Credentials"); v != "" {
					t.Errorf("%s: credentials %q", name, v)
				}
			}
			if c.want == "" {
				return
			}
			if methods := ask.Header.Get("Access-Control-Allow-Methods"); methods != "POST" {
				t.Errorf("allowed methods %q", methods)
			}
			if headers := ask.Header.Get("Access-Control-Allow-Headers"); !strings.Contains(headers, "authorization") {
				t.Errorf("allowed headers %q", headers)
			}
			exposed := strings.Split(strings.ToLower(strings.ReplaceAll(got.Header.Get("Access-Control-Expose-Headers"), " ", "")), ",")
			for _, want := range []string{"retry-after", "x-ratelimit-remaining", "x-request-id", "grpc-status", "grpc-status-details-bin"} {
				if !slices.Contains(exposed, want) {
					t.Errorf("%s is not exposed: %v", want, exposed)
				}
			}
			if !slices.Contains(ask.Header.Values("Vary"), "Origin") && !strings.Contains(ask.Header.Get("Vary"), "Origin") {
				t.Errorf("Vary %q", ask.Header.Values("Vary"))
			}
		})
	}
}

// TestCORS_AppOrigins allows origins of apps that have no server of their own, and of any port of this machine.
func TestCORS_AppOrigins(t *testing.T) {
	t.Parallel()
	const id = "jfgfiigpkhlkbnfnbobbkinehhfdhndo"
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{
		"ENVIRONMENT": "local",
		"CORS_ALLOWED_ORIGINS": "app://obsidian.md, chrome-extension://" + id + ", moz-extension://*, vscode-webview://*, tauri://localhost," +
			"capacitor://localhost, http://localhost:*, http://127.0.0.1:*",
	})
	for origin, want := range map[string]bool{
		"app://obsidian.md":                                         true,
		"chrome-extension://" + id:                                  true,
		"moz-extension://0a1b2c3d-0000-4000-8000-000000000000":      true,
		"vscode-webview://1p0mt0ahfflo8gvb53gd7vnd5v3snhtckcacvuql": true,
		"tauri://localhost":                                         true,
		"capacitor://localhost":                                     true,
		"http://localhost:5173":                                     true,
		"http://127.0.0.1:8501":                                     true,
		"app://obsidian.evil":                                       false,
		"chrome-extension://" + id[:31] + "a":                       false,
		"tauri://localhost.evil":                                    false,
		"http://localhost.evil.example:5173":                        false,
		"http://localhost":                                          true, // port 80
		"http://localhost:1.evil.example":                           false,
		"http://localhost:80@evil.example":                          false,
		"http://localhost:":                                         false,
		"https://localhost:5173":                                    false,
		"https://moz-extension":                                     false,
		"null":                                                      false,
	} {
		headers := "authorization,content-type,x-anything,x-stainless-os"
		ask := send(t, http.MethodOptions, a.URL+"/api/chat", http.Header{
			"Origin": {origin}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {headers},
			"Access-Control-Request-Private-Network": {"true"},
		}, "")
		call := bearerOf(a.AdminKey)
		call.Set("Origin", origin)
		got := send(t, http.MethodGet, a.URL+"/api/tags", call, "")
		if got.StatusCode != http.StatusOK { // CORS keeps browsers' pages from reading, and no other client from anything
			t.Errorf("%s: %d %s", origin, got.StatusCode, got.body)
		}
		for name, answer := range map[string]answer{"preflight": ask, "call": got} {
			if allowed := answer.Header.Get("Access-Control-Allow-Origin"); (allowed == origin) != want || allowed != "" && !want {
				t.Errorf("%s: %s: allowed origin %q", origin, name, allowed)
			}
			if v := answer.Header.Values("Access-Control-Allow-Credentials"); len(v) > 0 {
				t.Errorf("%s: %s: credentials %q", origin, name, v)
			}
		}
		asked := ask.Header.Get("Access-Control-Allow-Headers") == headers && ask.Header.Get("Access-Control-Allow-Private-Network") == "true"
		if ask.StatusCode != http.StatusNoContent || asked != want {
			t.Errorf("%s: preflight: %d %v", origin, ask.StatusCode, ask.Header)
		}
	}
}

// TestRefreshCookie_OtherOrigins checks that only the server's own pages can use the refresh cookie: to browsers all ports
// of a host are one site, so that a page on another one could use it, or end its session with a lost reply.
func TestRefreshCookie_OtherOrigins(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{
		"CORS_ALLOWED_ORIGINS": "http://localhost:*,https://page.example.com,app://obsidian.md", "TRUSTED_PROXIES": "127.0.0.0/8", "ALLOWED_HOSTS": "paddock.lan",
	})
	host := strings.TrimPrefix(a.URL, "http://")
	login := `{"email":"` + apptest.AdminEmail + `","password":"` + apptest.AdminPassword + `","cookie":true}`
	in := send(t, http.MethodPost, a.URL+paddockv1connect.AuthServiceLoginProcedure, nil, login)
	cookie := in.Cookies()[0]
	refresh := func(header http.Header) answer {
		header = header.Clone()
		header.Set("Cookie", "paddock_refresh="+cookie.Value+"; __Host-paddock_refresh="+cookie.Value)
		return send(t, http.MethodPost, a.URL+paddockv1connect.AuthServiceRefreshProcedure, header, "{}")
	}
	foreign := map[string]http.Header{
		"another port":             {"Origin": {"http://localhost:5173"}},
		"another port, same site":  {"Origin": {"http://127.0.0.1:5173"}, "Sec-Fetch-Site": {"same-site"}},
		"an app":                   {"Origin": {"app://obsidian.md"}, "Sec-Fetch-Site": {"cross-site"}},
		"another host":             {"Origin": {"https://page.example.com"}},
		"not even allowed":         {"Origin": {"https://evil.example"}},
		"opaque":                   {"Origin": {"null"}},
		"no origin, but cross":     {"Sec-Fetch-Site": {"cross-site"}},
		"without TLS before a TLS": {"Origin": {"http://" + host}, "X-Forwarded-Proto": {"https"}},
	}
	for name, header := range foreign {
		if got := refresh(header); got.StatusCode != http.StatusUnauthorized || len(got.Cookies()) != 0 {
			t.Errorf("%s: refresh: %d %v", name, got.StatusCode, got.Cookies())
		}
		// A sign-in returns the token to the page, and a sign-out leaves another one's cookie alone.
		got := send(t, http.MethodPost, a.URL+paddockv1connect.AuthServiceLoginProcedure, header, login)
		var grant struct{ AccessToken, RefreshToken string }
		must(t, json.Unmarshal([]byte(got.body), &grant))
		if len(got.Cookies()) != 0 || grant.RefreshToken == "" {
			t.Errorf("%s: login: %s %v", name, got.body, got.Cookies())
		}
		given := send(t, http.MethodPost, a.URL+paddockv1connect.AuthServiceRefreshProcedure, header, `{"refreshToken":"`+grant.RefreshToken+`"}`)
		out := header.Clone()
		out.Set("Authorization", "Bearer "+grant.AccessToken)
		ended := send(t, http.MethodPost, a.URL+paddockv1connect.AuthServiceLogoutProcedure, out, "{}")
		if given.StatusCode != http.StatusOK || ended.StatusCode != http.StatusOK || len(ended.Cookies())+len(given.Cookies()) != 0 {
			t.Errorf("%s: refresh by token %d, logout: %d %v", name, given.StatusCode, ended.StatusCode, ended.Cookies())
		}
	}
	// None of it was a use of the cookie, which still works, for the first and for each time.
	for name, header := range map[string]http.Header{
		"curl":                              {},
		"own":                               {"Origin": {a.URL}},
		"own, says the browser":             {"Origin": {a.URL}, "Sec-Fetch-Site": {"same-origin"}},
		"through a proxy with another name": {"Origin": {"https://paddock.example"}, "Sec-Fetch-Site": {"same-origin"}},
		"TLS ends at the proxy":             {"Origin": {"https://" + host}},
		"a proxy that sets Host":            {"Origin": {"http://paddock.lan"}, "X-Forwarded-Host": {"paddock.lan"}},
	} {
		got := refresh(header)
		if got.StatusCode != http.StatusOK || len(got.Cookies()) != 1 {
			t.Fatalf("%s: %d %s", name, got.StatusCode, got.body)
		}
		cookie = got.Cookies()[0]
	}
}

// TestRefreshCookie_Attributes checks that neither scripts nor other sites can reach the refresh cookie, and that its name
// has the prefix __Host- under TLS.
func TestRefreshCookie_Attributes(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"TRUSTED_PROXIES": "127.0.0.0/8"})
	login := `{"email":"` + apptest.AdminEmail + `","password":"` + apptest.AdminPassword + `","cookie":true}`
	for _, c := range []struct {
		proto, name string
		secure      bool
	}{{"", "paddock_refresh", false}, {"https", "__Host-paddock_refresh", true}} {
		header := http.Header{"X-Forwarded-Proto": {c.proto}}
		in := send(t, http.MethodPost, a.URL+paddockv1connect.AuthServiceLoginProcedure, header, login)
		cookies := in.Cookies()
		if in.StatusCode != http.StatusOK || len(cookies) != 1 {
			t.Fatalf("login: %d %s %v", in.StatusCode, in.body, cookies)
		}
		cookie := cookies[0]
		if cookie.Name != c.name || cookie.Secure != c.secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode ||
			cookie.Path != "/" || cookie.Domain != "" || cookie.Value == "" {
			t.Errorf("cookie %v", cookie)
		}
		if strings.Contains(in.body, cookie.Value) {
			t.Error("the refresh token is in the body too")
		}
		header.Set("Cookie", cookie.Name+"="+cookie.Value)
		next := send(t, http.MethodPost, a.URL+paddockv1connect.AuthServiceRefreshProcedure, header, "{}")
		if next.StatusCode != http.StatusOK || len(next.Cookies()) != 1 || next.Cookies()[0].Value == cookie.Value {
			t.Errorf("refresh: %d %s %v", next.StatusCode, next.body, next.Cookies())
		}
		if cache := next.Header.Get("Cache-Control"); !strings.Contains(cache, "no-store") {
			t.Errorf("tokens may be kept by caches: Cache-Control %q", cache)
		}
	}
}
