package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// isAddress reports whether text is a host:port to listen on. The host may be empty, for every interface.
func isAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	return err == nil && (host == "" || isHost(host)) && isPort(port)
}

// hostName matches host names, and the names with underscores of container networks.
var hostName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,253}$`)

// isHost reports whether text can be a host: an IP address or a name.
func isHost(text string) bool {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Zone() == ""
	}
	return hostName.MatchString(text)
}

// isPort reports whether text is a port number; 0 is one that the system chooses.
func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

// parseHTTPURL parses an absolute http or https URL of nothing but host, port and path; trailing slashes are dropped.
func parseHTTPURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.ContainsAny(text, "?#") {
		return nil, errInvalid
	}
	if !isHost(u.Hostname()) || strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port()) {
		return nil, errInvalid
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u, nil
}

func isHTTPURL(text string) bool {
	_, err := parseHTTPURL(text)
	return err == nil
}

func parseBaseURL(text string) (string, error) {
	u, err := parseHTTPURL(text)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// parseNetwork parses CIDR notation; a bare address is a network of one. The result is masked. IPv4 inside IPv6 becomes
// IPv4, since the two differ for netip.
func parseNetwork(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, errInvalid
		}
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	if p.Addr().Is4In6() {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if !p.IsValid() {
		return netip.Prefix{}, errInvalid
	}
	return p.Masked(), nil
}

// originParts matches scheme, host and port of an origin in lower case; host or port may be "*".
var originParts = regexp.MustCompile(`^([a-z][a-z0-9+.-]*)://(\*|[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(\*|[0-9]+))?$`)

// isOrigin reports whether text is an origin as browsers send it (RFC 6454 section 6.2), since any other spelling would
// never match, or stands for several: "*" is any origin, any host of a scheme that only programs' own pages have, such as
// browser extensions and desktop apps, or any port of this machine.
func isOrigin(text string) bool {
	parts := originParts.FindStringSubmatch(text)
	if parts == nil {
		return text == "*"
	}
	scheme, host, port := parts[1], parts[2], parts[3]
	web := scheme == "http" || scheme == "https"
	switch {
	case host == "*":
		return !web && port == ""
	case port == "*":
		return web && IsLoopback(strings.Trim(host, "[]"))
	case scheme == "https" && port == "443" || scheme != "https" && port == "80":
		return false
	default:
		return isHTTPURL("http://" + strings.TrimPrefix(text, scheme+"://"))
	}
}

// IsLoopback reports whether a host's name or address is this machine's own, whoever resolves it.
func IsLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && addr.Unmap().IsLoopback()
}

// parseHostName returns a host's name or address in lower case.
func parseHostName(text string) (string, error) {
	if !isHost(text) {
		return "", errInvalid
	}
	return strings.ToLower(text), nil
}
