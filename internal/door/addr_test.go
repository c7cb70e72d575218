package door

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestProxiesClient_Address(t *testing.T) {
	for _, c := range []struct {
		name      string
		trusted   string
		peer      string
		forwarded []string // X-Forwarded-For, one header each
		want      string
	}{
		{"no proxies", "", "203.0.113.9:1234", []string{"198.51.100.7"}, "203.0.113.9"},
		{"untrusted peer", "10.0.0.0/8", "203.0.113.9:1234", []string{"198.51.100.7"}, "203.0.113.9"},
		{"one proxy", "10.0.0.0/8", "10.1.2.3:1234", []string{"198.51.100.7"}, "198.51.100.7"},
		{"no header", "10.0.0.0/8", "10.1.2.3:1234", nil, "10.1.2.3"},
		{"forged address", "10.0.0.0/8", "10.1.2.3:1234", []string{"1.2.3.4, 198.51.100.7"}, "198.51.100.7"},
		{"two headers", "10.0.0.0/8", "10.1.2.3:1234", []string{"1.2.3.4", "198.51.100.7"}, "198.51.100.7"},
		{"chain of proxies", "10.0.0.0/8,192.0.2.0/24", "10.1.2.3:1234", []string{"1.2.3.4, 198.51.100.7, 192.0.2.8, 10.9.9.9"}, "198.51.100.7"},
		{"only proxies", "10.0.0.0/8", "10.1.2.3:1234", []string{"10.9.9.9, 10.8.8.8"}, "10.9.9.9"},
		{"malformed last address", "10.0.0.0/8", "10.1.2.3:1234", []string{"198.51.100.7, unknown"}, "10.1.2.3"},
		{"malformed address behind a proxy", "10.0.0.0/8", "10.1.2.3:1234", []string{"198.51.100.7, <script>, 10.9.9.9"}, "10.9.9.9"},
		{"empty", "10.0.0.0/8", "10.1.2.3:1234", []string{""}, "10.1.2.3"},
		{"with a port", "10.0.0.0/8", "10.1.2.3:1234", []string{"198.51.100.7:5678"}, "198.51.100.7"},
		{"IPv6", "::1/128", "[::1]:1234", []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 in brackets with a port", "::1/128", "[::1]:1234", []string{"[2001:db8::7]:5678"}, "2001:db8::7"},
		{"IPv6 in brackets", "::1/128", "[::1]:1234", []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"IPv4 in IPv6", "10.0.0.0/8", "[::ffff:10.1.2.3]:1234", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"zone", "", "[fe80::1%eth0]:1234", nil, "fe80::1"},
		{"peer without an address", "10.0.0.0/8", "@", []string{"198.51.100.7"}, "invalid IP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded}}
			if got, _, _ := networks(t, c.trusted).client(r); got.String() != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestProxiesClient_TLS(t *testing.T) {
	for _, c := range []struct {
		name, peer, proto string
		tls, want         bool
	}{
		{"no TLS", "203.0.113.9:1", "", false, false},
		{"own TLS", "203.0.113.9:1", "", true, true},
		{"untrusted peer", "203.0.113.9:1", "https", false, false},
		{"proxy", "10.1.2.3:1", "https", false, true},
		{"proxy, in capitals", "10.1.2.3:1", "HTTPS", false, true},
		{"proxy without TLS", "10.1.2.3:1", "http", false, false},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-Proto": {c.proto}}}
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if _, got, _ := networks(t, "10.0.0.0/8").client(r); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}

func networks(t testing.TB, list string) Proxies {
	t.Helper()
	var p Proxies
	for s := range strings.SplitSeq(list, ",") {
		if s == "" {
			continue
		}
		network, err := netip.ParsePrefix(s)
		if err != nil {
			t.Fatal(err)
		}
		p = append(p, network)
	}
	return p
}

// FuzzForwardedFor: nothing that a client sends changes the address that the trusted proxy adds.
func FuzzForwardedFor(f *testing.F) {
	for _, s := range []string{"", "1.2.3.4", "1.2.3.4, 10.0.0.1", "[::1]:80", "fe80::1%eth0", ",,,", "unknown", "\x00", "1.2.3.4\r\nX: y"} {
		f.Add(s)
	}
	trusted := networks(f, "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, invented string) {
		client := func(forwarded string) netip.Addr {
			a, _, _ := trusted.client(&http.Request{RemoteAddr: "10.1.2.3:1", Header: http.Header{"X-Forwarded-For": {forwarded}}})
			return a
		}
		if got := client(invented + ",198.51.100.7"); got.String() != "198.51.100.7" {
			t.Errorf("%q made the client %s", invented, got)
		}
		got := client(invented)
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Errorf("%q gives %s", invented, got)
		}
	})
}
