package gateway

import (
	"net/http"
	"path"
	"strings"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/dialect"
)

// Strict stands before a ServeMux, which would match other spellings of a route. As far as paths are about the gateway,
// double and trailing slashes lead to the route itself, as Ollama does it: clients join a server's address and a path in
// many ways. Dots and needless escapes are not found.
func Strict(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clean, sent := path.Clean(r.URL.Path), r.URL.EscapedPath()
		switch plain := collapse(sent); {
		case !Owns(clean):
			next.ServeHTTP(w, r)
		case collapse(r.URL.Path) != clean, escapedNeedlessly(plain, clean):
			notFound(dialectAt(clean))(w, r)
		case plain == sent:
			next.ServeHTTP(w, r)
		case plain == "/api", plain == "/v1":
			notFound(dialectAt(clean))(w, r)
		default:
			redirect(w, r, plain)
		}
	})
}

// Owns reports whether a path, in whatever spelling, is about the gateway.
func Owns(p string) bool {
	clean := path.Clean(p)
	return isUnder(clean, "/api") || isUnder(clean, "/v1")
}

func isUnder(p, root string) bool { return p == root || strings.HasPrefix(p, root+"/") }

// dialectAt returns the dialect of the routes around a path.
func dialectAt(clean string) dialect.Dialect {
	switch {
	case isUnder(clean, "/v1/messages"):
		return dialect.Anthropic
	case isUnder(clean, "/v1"):
		return dialect.OpenAI
	}
	return dialect.Ollama
}

// Misdirected refuses a request, of whatever path, for a host that is not served.
func Misdirected(w http.ResponseWriter, r *http.Request) {
	d := dialectAt(path.Clean(r.URL.Path))
	const message = "this server is not called by that name; its operator can allow it with ALLOWED_HOSTS"
	d.WriteJSON(w, http.StatusMisdirectedRequest, d.ErrorBody(r.Context(), http.StatusMisdirectedRequest, "", message))
}

// Unavailable refuses a request, of whatever path, that another try will serve.
func Unavailable(w http.ResponseWriter, r *http.Request, err *connect.Error) {
	dialectAt(path.Clean(r.URL.Path)).WriteError(w, r, err)
}

// collapse makes one slash of several and drops those at the end.
func collapse(p string) string {
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	if len(p) > 1 {
		p = strings.TrimSuffix(p, "/")
	}
	return p
}

// escapedNeedlessly reports whether a path of ours has escapes, clean being without any. The names of models may have some.
func escapedNeedlessly(p, clean string) bool {
	return p != clean && !strings.HasPrefix(p, "/v1/models/")
}

// redirect sends the client to another path of this server, by the same method unless that is GET or HEAD. The path begins
// with that of the gateway, so that it is never taken for another host.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	status := http.StatusTemporaryRedirect
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		status = http.StatusMovedPermanently
	}
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", to)
	w.WriteHeader(status)
}
