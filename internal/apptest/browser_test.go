package apptest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func TestOnlyAllowedOriginsMayCallFromABrowser(t *testing.T) {
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

// TestTheRefreshCookieIsOutOfScriptsReach and out of other sites' reach, and names itself for TLS.
func TestTheRefreshCookieIsOutOfScriptsReach(t *testing.T) {
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
