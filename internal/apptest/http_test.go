package apptest_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestHosts_ForeignName checks that a server with names answers to no other, so that no page whose own name is made to resolve to
// the server is of its origin; only probes ask by any name.
func TestHosts_ForeignName(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"ALLOWED_HOSTS": "paddock.lan"})
	for host, served := range map[string]bool{
		"paddock.lan": true, "PADDOCK.lan:8080": true, "localhost": true, "127.0.0.1:8080": true,
		"evil.example": false, "paddock.lan.evil.example": false, "evilpaddock.lan": false, "203.0.113.7": false,
	} {
		for _, path := range []string{"/", "/docs", "/metrics", "/api/tags", "/v1/models", paddockv1connect.AuthServiceLoginProcedure, "/healthz", "/readyz"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL+path, http.NoBody)
			must(t, err)
			req.Host = host
			res, err := http1.Transport.RoundTrip(req)
			must(t, err)
			res.Body.Close()
			probe := path == "/healthz" || path == "/readyz"
			if got := res.StatusCode != http.StatusMisdirectedRequest; got != (served || probe) {
				t.Errorf("%s as %s: status %d", path, host, res.StatusCode)
			}
			wantSecurityHeaders(t, path+" as "+host, res.Header)
		}
	}
}

func wantSecurityHeaders(t *testing.T, name string, h http.Header) {
	t.Helper()
	if csp := h.Get("Content-Security-Policy"); h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("%s: no security headers: %v", name, h)
	}
}

// TestTrace_Refused checks that no address answers TRACE, which would send credentials back.
func TestTrace_Refused(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	paths := []string{"/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics", "/api/chat", "/api/tags", "/v1/models", "/nothing"}
	for _, m := range methods(t) {
		paths = append(paths, m.procedure())
	}
	admin := a.Login(t, apptest.AdminEmail, apptest.AdminPassword).GetAccessToken()
	for _, path := range paths {
		got := send(t, http.MethodTrace, a.URL+path, bearerOf(admin), "")
		if got.StatusCode != http.StatusNotFound && got.StatusCode != http.StatusMethodNotAllowed || strings.Contains(got.body, admin) {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
}

// TestRedirect_OwnHost checks that no path is redirected to another host, as one could be that begins with two slashes.
func TestRedirect_OwnHost(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	redirected := 0
	for _, path := range []string{
		"//evil.example", "///evil.example", "//evil.example/", "//evil.example/..", "//evil.example//api/chat", "//evil.example/../api//chat",
		"/%2fevil.example/", "/%5cevil.example//", "//evil.example/%2e%2e", "/api//evil.example/", "//docs/", "/docs/", "/docs//evil.example",
		"/v1//evil.example//", "//evil.example%2fapi", "/api/%2f/evil.example//",
	} {
		got := send(t, http.MethodGet, a.URL+path, http.Header{"Accept": {"text/html"}}, "")
		to, redirects := got.Header.Get("Location"), got.StatusCode/100 == 3
		if redirects {
			redirected++
		}
		if (to != "") != redirects || redirects && (to[0] != '/' || len(to) > 1 && strings.ContainsAny(to[1:2], `/\`)) {
			t.Errorf("%s: status %d to %q", path, got.StatusCode, to)
		}
	}
	if redirected == 0 {
		t.Error("no path was redirected")
	}
}

// TestCacheControl_NoStore checks that nothing which an account is needed for is kept by browsers and caches, refusals included.
func TestCacheControl_NoStore(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	type request struct{ method, path, body string }
	const ask = `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}],"stream":false,"max_tokens":9}`
	requests := []request{
		{"GET", "/api/tags", ""},
		{"GET", "/api/ps", ""},
		{"GET", "/api/version", ""},
		{"POST", "/api/show", `{"model":"tiny-chat"}`},
		{"POST", "/api/chat", ask},
		{"GET", "/v1/models", ""},
		{"POST", "/v1/chat/completions", ask},
		{"POST", "/v1/chat/completions", strings.Replace(ask, "false", "true", 1)},
		{"POST", "/v1/messages", ask},
		{"GET", "/healthz", ""},
		{"GET", "/readyz", ""},
	}
	for _, m := range methods(t) {
		requests = append(requests, request{"POST", m.procedure(), `{}`})
		if !m.sideEffects() {
			requests = append(requests, request{"GET", m.procedure() + "?encoding=json&message=%7B%7D", ""})
		}
	}
	for _, r := range requests {
		for _, header := range []http.Header{nil, bearerOf(a.AdminKey)} {
			got := send(t, r.method, a.URL+r.path, header, r.body)
			if cache := got.Header.Get("Cache-Control"); cache != "no-store" {
				t.Errorf("%s %s: status %d, Cache-Control %q", r.method, r.path, got.StatusCode, cache)
			}
		}
	}
}

// TestContentType_Charset checks that each answer says what it is: texts with their encoding, and JSON only where it is JSON. Streams
// of events are UTF-8 by their standard.
func TestContentType_Charset(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	const who = paddockv1connect.AuthServiceWhoAmIProcedure
	for _, r := range []struct{ method, path, credential, want string }{
		{"GET", "/", "", "text/html"},
		{"GET", "/docs", "", "text/html"},
		{"GET", "/docs/swagger-ui.css", "", "text/css"},
		{"GET", "/docs/swagger-ui-bundle.js", "", "text/javascript"},
		{"GET", "/openapi.json", "", "application/json"},
		{"GET", "/nothing", "", "text/plain"},
		{"PUT", "/healthz", "", "text/plain"},
		{"GET", "/healthz", "", "application/json"},
		{"GET", "/readyz", "", "application/json"},
		{"GET", "/metrics", "", "text/plain"},
		{"POST", who, "", "application/json"},
		{"POST", who, a.AdminKey, "application/json"},
		{"GET", "/api/tags", "", "application/json"},
		{"GET", "/api/tags", a.AdminKey, "application/json"},
		{"GET", "/api/nothing", "", "application/json"},
		{"GET", "/v1/nothing", "", "application/json"},
	} {
		header := bearerOf(r.credential)
		header.Set("Accept", r.want)
		got := send(t, r.method, a.URL+r.path, header, map[bool]string{true: "{}"}[r.method == "POST"])
		kind, params, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
		if err != nil || kind != r.want || strings.HasPrefix(kind, "text/") && !strings.EqualFold(params["charset"], "utf-8") {
			t.Errorf("%s %s: %q, want %s", r.method, r.path, got.Header.Get("Content-Type"), r.want)
		}
		if r.want == "application/json" && !json.Valid([]byte(got.body)) {
			t.Errorf("%s %s is no JSON: %s", r.method, r.path, got.body)
		}
	}
}

// TestFraming_Ambiguous checks that a request whose end a proxy could see elsewhere is refused, and that nothing behind it is taken
// for another one. Where both ways of framing are named, Transfer-Encoding is the one that counts (RFC 9112, section 6.3).
func TestFraming_Ambiguous(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	const behind = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
	for _, c := range []struct {
		name, headers string
		want          []string // status lines
	}{
		{"two lengths", "Content-Length: 0\r\nContent-Length: 5\r\n", []string{"400"}},
		{"two lengths in one", "Content-Length: 0, 5\r\n", []string{"400"}},
		{"a signed length", "Content-Length: +0\r\n", []string{"400"}},
		{"an unknown coding", "Transfer-Encoding: xchunked\r\n", []string{"501"}},
		{"two codings", "Transfer-Encoding: chunked, identity\r\n", []string{"501"}},
		{"a space before the colon", "Transfer-Encoding : chunked\r\n", []string{"400"}},
		{"both, of which one counts", fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n", len("0\r\n\r\n"+behind)), []string{"401", "200"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, a)
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s\r\n0\r\n\r\n%s", deleteUser, c.headers, behind)
			must(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
			var got []string
			for r := bufio.NewReader(conn); ; {
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					break
				}
				_, err = io.Copy(io.Discard, res.Body)
				must(t, errors.Join(err, res.Body.Close()))
				got = append(got, fmt.Sprint(res.StatusCode))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("answered %v, want %v", got, c.want)
			}
		})
	}
}
