package server

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	connectcors "connectrpc.com/cors"
	"github.com/rs/cors"
)

// contentSecurityPolicy allows the page what is ours and nothing else. Neither scripts nor styles may stand in a page.
const contentSecurityPolicy = "default-src 'self'; img-src 'self' data:; " +
	"object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// secured sets the headers that every answer carries.
func secured(policy string, next http.Handler) http.Handler {
	carried := http.Header{ // all answers share the values, which nobody writes to
		"X-Content-Type-Options":     {"nosniff"},
		"X-Frame-Options":            {"DENY"},
		"Referrer-Policy":            {"no-referrer"},
		"Content-Security-Policy":    {policy},
		"Cross-Origin-Opener-Policy": {"same-origin"},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), carried)
		next.ServeHTTP(w, r)
	})
}

// crossOrigin lets the pages of the origins call us, from public networks too. They send their access token or key, and
// whatever headers their clients add; cookies stay out of it.
func crossOrigin(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: connectcors.AllowedMethods(),
		AllowedHeaders: []string{"*"}, // by name: browsers do not take "*" for Authorization
		ExposedHeaders: slices.Concat(connectcors.ExposedHeaders(),
			[]string{"X-Request-Id", "Retry-After", "X-Should-Retry", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"}),
		MaxAge:              7200,
		AllowPrivateNetwork: true,
	}).Handler(next)
}

// isCrossOrigin reports whether a page of another origin has a browser make the request. Browsers say so themselves, but to
// servers without TLS; those are to compare the page's origin with their own. encrypted is whether the client's own connection
// is known to be.
func isCrossOrigin(r *http.Request, encrypted bool) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "":
	case "same-origin", "none":
		return false
	default:
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	scheme, host, _ := strings.Cut(origin, "://")
	own := r.Host
	switch { // browsers leave out the port that goes without saying
	case scheme == "https":
		own = strings.TrimSuffix(own, ":443")
	case scheme == "http" && !encrypted:
		own = strings.TrimSuffix(own, ":80")
	default:
		return true
	}
	return !strings.EqualFold(host, own)
}
