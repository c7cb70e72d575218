package door

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/paddock-gate/paddock/internal/config"
)

// Hosts are the names by which the server may be called. A page whose own name is made to resolve to the server's address would
// otherwise be of the server's origin, to the browser.
type Hosts struct {
	// Allowed are names in lower case, without a port.
	Allowed []string
	// Loopback is whether the server listens on a loopback address: then only names of this machine and those allowed are served.
	// Elsewhere all are, unless some are allowed.
	Loopback bool
	// Refuse answers a request for another host.
	Refuse http.HandlerFunc
}

// IsLoopback reports whether a server that listens on the address, host:port, can be reached from this machine alone.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && config.IsLoopback(host)
}

// serve reports whether requests for the host, which may have a port, are served.
func (h Hosts) serve(host string) bool {
	if !h.Loopback && len(h.Allowed) == 0 || host == "" { // browsers always say it
		return true
	}
	name, _, err := net.SplitHostPort(host)
	if inner, ok := strings.CutPrefix(host, "["); err != nil && ok {
		name, _ = strings.CutSuffix(inner, "]")
	} else if err != nil {
		name = host
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	return config.IsLoopback(name) || slices.Contains(h.Allowed, name)
}
