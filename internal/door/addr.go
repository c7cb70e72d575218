package door

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/paddock-gate/paddock/internal/caller"
)

// Proxies are the networks of the trusted reverse proxies.
type Proxies []netip.Prefix

func (p Proxies) trusts(a netip.Addr) bool {
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// SetClient returns a handler that sets the address of each request's caller, whether their connection is encrypted, and whether a
// page of another origin makes the request, and then calls next; or that refuses a request for a host that is not served.
func (p Proxies) SetClient(hosts Hosts, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := caller.From(r.Context())
		var host string
		c.IP, c.TLS, host = p.client(r)
		if !(hosts.serve(r.Host) && hosts.serve(host)) && !isProbe(r.URL.Path) { // a page can say X-Forwarded-Host
			hosts.Refuse(w, r)
			return
		}
		c.CrossOrigin = isCrossOrigin(r, host, c.TLS)
		next.ServeHTTP(w, r)
	})
}

// isProbe reports whether a path is one that machines ask by a server's address.
func isProbe(path string) bool { return path == "/healthz" || path == "/readyz" }

// client returns the address of the request's client, whether the client's own connection is encrypted, and the host that it asked
// for. The address is the last one in X-Forwarded-For that is no trusted proxy's, if the peer is a trusted proxy: what stands
// further left can be forged by the client.
func (p Proxies) client(r *http.Request) (addr netip.Addr, tls bool, host string) {
	tls, host = r.TLS != nil, r.Host
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, tls, host
	}
	addr = peer.Addr().Unmap().WithZone("")
	if !p.trusts(addr) {
		if r.Header.Get("X-Forwarded-For") != "" {
			warnUntrusted(r.Context(), addr)
		}
		return addr, tls, host
	}
	tls = tls || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
	names := strings.Split(r.Header.Get("X-Forwarded-Host"), ",") // of a chain of proxies, the last one's
	host = cmp.Or(strings.TrimSpace(names[len(names)-1]), host)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(hops) {
		hop, ok := parseHop(text)
		if !ok {
			break
		}
		addr = hop
		if !p.trusts(hop) {
			break
		}
	}
	return addr, tls, host
}

var warnedUntrusted sync.Once

// warnUntrusted warns of a peer that sends X-Forwarded-For without being a trusted proxy, which is most often a proxy missing in
// TRUSTED_PROXIES. It does so once in the life of the process, so that unauthenticated clients cannot fill the log.
func warnUntrusted(ctx context.Context, peer netip.Addr) {
	warnedUntrusted.Do(func() {
		slog.WarnContext(ctx, "X-Forwarded-For is not believed: TRUSTED_PROXIES does not name the peer that sends it."+
			" If it is a proxy, all its clients look like one", "peer", peer.String())
	})
}

// parseHop parses an address with or without a port.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		a = ap.Addr()
	}
	return a.Unmap().WithZone(""), true
}
