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

// SecurityHeaders returns a handler that sets the security headers of every response and calls next.
func SecurityHeaders(policy string, next http.Handler) http.Handler {
	shared := http.Header{ // by all responses; nobody writes to the values
		"X-Content-Type-Options":     {"nosniff"},
		"X-Frame-Options":            {"DENY"},
		"Referrer-Policy":            {"no-referrer"},
		"Content-Security-Policy":    {policy},
		"Cross-Origin-Opener-Policy": {"same-origin"},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), shared)
		next.ServeHTTP(w, r)
	})
}

// CORS returns a handler that calls next and allows pages of the origins to read the responses, from public networks too. Pages may
// send any header, such as an access token or key, but no cookies.
func CORS(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowOriginFunc: func(origin string) bool { return allowsOrigin(origins, origin) },
		AllowedMethods:  connectcors.AllowedMethods(),
		AllowedHeaders:  []string{"*"}, // answered by name: for Authorization browsers do not accept "*"
		ExposedHeaders: slices.Concat(connectcors.ExposedHeaders(),
			[]string{"X-Request-Id", "Retry-After", "X-Should-Retry", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"}),
		MaxAge:              7200,
		AllowPrivateNetwork: true,
	}).Handler(next)
}

// allowsOrigin reports whether a page's origin is one of the allowed ones. Those may have "*" in place of the host, or of the port
// of this machine.
func allowsOrigin(allowed []string, origin string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		switch begin, wild := strings.CutSuffix(a, "*"); {
		case !wild:
			return a == origin
		case begin == "":
			return true
		case strings.HasSuffix(begin, "://"):
			return strings.HasPrefix(origin, begin) && len(origin) > len(begin)
		default: // any port; browsers omit the default one
			port, ok := strings.CutPrefix(origin, begin)
			_, err := strconv.ParseUint(port, 10, 16)
			return ok && err == nil || origin+":" == begin
		}
	})
}

// isCrossOrigin reports whether a page of another origin made the browser send the request. Browsers say so in Sec-Fetch-Site, but not
// to servers without TLS; there the page's origin is compared with host, which the client asked for. encrypted is whether the
// client's own connection is known to be.
func isCrossOrigin(r *http.Request, host string, encrypted bool) bool {
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
	scheme, page, _ := strings.Cut(origin, "://")
	switch { // browsers omit the default port
	case scheme == "https":
		host = strings.TrimSuffix(host, ":443")
	case scheme == "http" && !encrypted:
		host = strings.TrimSuffix(host, ":80")
	default:
		return true
	}
	return !strings.EqualFold(page, host)
}
