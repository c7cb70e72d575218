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

// Proxies are the networks whose word about a client's address is taken.
type Proxies []netip.Prefix

func (p Proxies) trusts(a netip.Addr) bool {
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// Locate fills in where the request's caller is: the address, whether their connection is encrypted, and whether a page of
// another origin makes the request.
func (p Proxies) Locate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := caller.From(r.Context())
		var host string
		c.IP, c.TLS, host = p.client(r)
		c.CrossOrigin = isCrossOrigin(r, host, c.TLS)
		next.ServeHTTP(w, r)
	})
}

// client returns the address that the request comes from, whether the client's own connection is encrypted, and the host that
// it asked for. Of X-Forwarded-For the last address that is not a trusted proxy's counts, and only when a trusted proxy is
// speaking: what stands further left is the client's to invent.
func (p Proxies) client(r *http.Request) (addr netip.Addr, tls bool, host string) {
	tls, host = r.TLS != nil, r.Host
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, tls, host
	}
	addr = peer.Addr().Unmap().WithZone("")
	if !p.trusts(addr) {
		if r.Header.Get("X-Forwarded-For") != "" {
			warnOfProxy(r.Context(), addr)
		}
		return addr, tls, host
	}
	tls = tls || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
	host = cmp.Or(r.Header.Get("X-Forwarded-Host"), host)
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

var proxyWarned sync.Once

// warnOfProxy tells, once in the life of the process, of what is most often a proxy that nobody named. More than once
// would let strangers fill the log.
func warnOfProxy(ctx context.Context, peer netip.Addr) {
	proxyWarned.Do(func() {
		slog.WarnContext(ctx, "X-Forwarded-For is not believed: TRUSTED_PROXIES does not name the peer that sends it."+
			" If it is a proxy, all its clients look like one", "peer", peer.String())
	})
}

// parseHop reads an address with or without a port.
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
