package apptest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// FullDuplex has a reverse proxy of Go's own pass every answer on whole. A server of HTTP/1 closes the body of a request
// when its answer begins, and a proxy that has yet to read the end of that body then breaks the answer off.
func FullDuplex(proxy http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/2 is so by itself and says no
		proxy.ServeHTTP(w, r)
	})
}

// WithKey returns the address of a proxy that adds key to each request for target, as one on the machine of a user does
// for a client that knows of no keys.
func WithKey(t *testing.T, target, key string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(FullDuplex(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(u)
		r.Out.Header.Set("Authorization", "Bearer "+key)
	}}))
	t.Cleanup(proxy.Close)
	return proxy.URL
}
