package dialect

import (
	"net/http"
	"strings"
)

// challenge sets WWW-Authenticate, for a client without a valid credential. HTTP Basic is not offered to browsers, which
// would ask the person who sits before them.
func challenge(answer http.Header, r *http.Request) {
	if !fromBrowser(r.Header) {
		answer.Add("WWW-Authenticate", `Basic realm="Paddock", charset="UTF-8"`)
	}
	answer.Add("WWW-Authenticate", "Bearer")
}

// fromBrowser reports whether a request may be one of a browser's, by any of the headers that browsers send.
func fromBrowser(h http.Header) bool {
	for name := range h {
		if name == "Origin" || strings.HasPrefix(name, "Sec-Fetch-") {
			return true
		}
	}
	return strings.Contains(h.Get("User-Agent"), "Mozilla/") || strings.Contains(strings.Join(h.Values("Accept"), ","), "text/html")
}
