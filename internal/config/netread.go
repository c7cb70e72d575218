package config

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// address reads a host:port to listen on. The host may be empty, for every interface.
func address(dst *string) reader {
	return func(value string) string {
		host, port, err := net.SplitHostPort(value)
		if err != nil || host != "" && !validHost(host) || !validPort(port) {
			return "must be host:port or :port, with a port from 1 to 65535, or 0 for any free one"
		}
		*dst = value
		return ""
	}
}

const notHTTPURL = "must be an http:// or https:// address without credentials, query or fragment"

// baseURL reads the absolute http or https address of a server, perhaps with a path.
func baseURL(set func(*url.URL)) reader {
	return func(value string) string {
		u, ok := httpURL(value)
		if !ok {
			return notHTTPURL
		}
		set(u)
		return ""
	}
}

// baseURLs reads one address or several, each once.
func baseURLs(dst *[]*url.URL) reader {
	return func(value string) string {
		var urls []*url.URL
		seen := map[string]bool{}
		for _, item := range list(value) {
			u, ok := httpURL(item)
			if !ok || seen[u.String()] {
				return notHTTPURL + ", or several, comma-separated, each once"
			}
			if path := strings.TrimSuffix(u.Path, "/"); strings.HasSuffix(path, "/v1") || strings.HasSuffix(path, "/api") {
				return "must be Ollama's own address, without /v1 or /api"
			}
			urls, seen[u.String()] = append(urls, u), true
		}
		if len(urls) == 0 {
			return notHTTPURL
		}
		*dst = urls
		return ""
	}
}

// origins reads the origins of pages, as browsers send them.
func origins(dst *[]string) reader {
	return func(value string) string {
		for _, item := range list(value) {
			if item != "*" && !exactOrigin(item) && !appOrigin(item) && !anyLocalPort(item) {
				return "must be origins such as https://app.example.com, app://obsidian.md, moz-extension://* or http://localhost:*, " +
					"lower case, without path or default port, comma-separated; * may be the host where the scheme is not http or https, " +
					"and the port of this machine"
			}
			*dst = append(*dst, item)
		}
		return ""
	}
}

func networks(dst *[]netip.Prefix) reader {
	return func(value string) string {
		for _, item := range list(value) {
			p, ok := network(item)
			if !ok {
				return "must be networks such as 10.0.0.0/8 or single addresses, comma-separated"
			}
			*dst = append(*dst, p)
		}
		return ""
	}
}

// list splits at commas and drops surrounding spaces and empty items.
func list(value string) []string {
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// network reads CIDR notation; a bare address is a network of one. IPv4 inside IPv6 becomes IPv4, since netip holds the
// two for different.
func network(text string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// exactOrigin tells whether text is an origin as browsers send it (RFC 6454 section 6.2); any other spelling would never
// match.
func exactOrigin(text string) bool {
	u, ok := httpURL(text)
	if !ok || u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443" {
		return false
	}
	return text == u.Scheme+"://"+strings.ToLower(u.Host)
}

// appOrigin reports whether text is the origin of pages that come with a program rather than from a server: of an
// extension of a browser or an editor, or of a desktop or mobile app. The host may be "*", which is any.
func appOrigin(text string) bool {
	scheme, host, _ := strings.Cut(text, "://")
	if scheme == "http" || scheme == "https" || strings.Trim(scheme, schemeCharacters) != "" || strings.IndexAny(scheme, letters) != 0 {
		return false
	}
	return host == "*" || exactOrigin("http://"+host)
}

// schemeCharacters are those of a URL's scheme in lower case, which begins with a letter.
const letters, schemeCharacters = "abcdefghijklmnopqrstuvwxyz", letters + "0123456789+-."

// anyLocalPort reports whether text is every port of this machine, such as "http://localhost:*".
func anyLocalPort(text string) bool {
	origin, ok := strings.CutSuffix(text, ":*")
	if !ok || !exactOrigin(origin) {
		return false
	}
	u, err := url.Parse(origin)
	if err != nil || u.Port() != "" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
}

// httpURL reads an absolute http or https URL of nothing but host, port and path; trailing slashes are dropped.
func httpURL(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.ContainsAny(text, "?#") {
		return nil, false
	}
	if !validHost(u.Hostname()) || strings.HasSuffix(u.Host, ":") || u.Port() != "" && !validPort(u.Port()) {
		return nil, false
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u, true
}

// nameCharacters are those of host names, and the underscore of container networks.
const nameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

// validHost tells whether text can be a host: an IP address or a name.
func validHost(text string) bool {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Zone() == ""
	}
	return text != "" && len(text) <= 253 && strings.Trim(text, nameCharacters) == ""
}

// validPort tells whether text is a port number; 0 is one that the system chooses.
func validPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}
