package door

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	connectcors "connectrpc.com/cors"
	"github.com/rs/cors"
)

// Secured sets the headers that every answer carries.
func Secured(policy string, next http.Handler) http.Handler {
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

// CrossOrigin lets the pages of the origins call us, from public networks too. They send their access token or key, and
// whatever headers their clients add; cookies stay out of it.
func CrossOrigin(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowOriginFunc: func(origin string) bool { return allowsOrigin(origins, origin) },
		AllowedMethods:  connectcors.AllowedMethods(),
		AllowedHeaders:  []string{"*"}, // by name: browsers do not take "*" for Authorization
		ExposedHeaders: slices.Concat(connectcors.ExposedHeaders(),
			[]string{"X-Request-Id", "Retry-After", "X-Should-Retry", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"}),
		MaxAge:              7200,
		AllowPrivateNetwork: true,
	}).Handler(next)
}

// allowsOrigin reports whether a page's origin is one of the allowed ones, which may have "*" for a host, or for the port of
// this machine.
func allowsOrigin(allowed []string, origin string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		switch begin, wild := strings.CutSuffix(a, "*"); {
		case !wild:
			return a == origin
		case begin == "":
			return true
		case strings.HasSuffix(begin, "://"):
			return strings.HasPrefix(origin, begin) && len(origin) > len(begin)
		default: // of a port, which browsers leave out if it goes without saying
			port, ok := strings.CutPrefix(origin, begin)
			_, err := strconv.ParseUint(port, 10, 16)
			return ok && err == nil || origin+":" == begin
		}
	})
}

// isCrossOrigin reports whether a page of another origin has a browser make the request. Browsers say so themselves, but to
// servers without TLS; those are to compare the page's origin with their own, which is the host that the client asked for.
// encrypted is whether the client's own connection is known to be.
func isCrossOrigin(r *http.Request, own string, encrypted bool) bool {
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
