package door

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestHosts_Serve(t *testing.T) {
	for _, c := range []struct {
		name            string
		hosts           Hosts
		serves, refuses []string
	}{
		{
			"loopback",
			Hosts{Loopback: true},
			[]string{"", "localhost", "localhost:8080", "LocalHost.", "paddock.localhost:8080", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080", "[::1]", "[::ffff:127.0.0.1]:1"},
			[]string{"evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "10.0.0.1", "0.0.0.0:8080", "[::2]", "evil.example:localhost"},
		},
		{
			"loopback behind a proxy",
			Hosts{Loopback: true, Allowed: []string{"ai.example.com"}},
			[]string{"localhost", "ai.example.com", "AI.example.com:443", "ai.example.com."},
			[]string{"example.com", "x.ai.example.com"},
		},
		{"everywhere", Hosts{}, []string{"", "anything.example", "10.0.0.1:80", "[::2]"}, nil},
		{
			"everywhere, with names",
			Hosts{Allowed: []string{"ai.example.com"}},
			[]string{"ai.example.com", "localhost:8080"},
			[]string{"evil.example", "10.0.0.1", "10.0.0.1:8080"},
		},
	} {
		for _, host := range c.serves {
			if !c.hosts.serve(host) {
				t.Errorf("%s: %q is refused", c.name, host)
			}
		}
		for _, host := range c.refuses {
			if c.hosts.serve(host) {
				t.Errorf("%s: %q is served", c.name, host)
			}
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:8080": true, "localhost:8080": true, "[::1]:8080": true, ":8080": false, "0.0.0.0:8080": false, "[::]:8080": false, "10.0.0.1:8080": false,
		"paddock.example:8080": false,
	} {
		if got := IsLoopback(address); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
}

// FuzzHosts checks that a server of loopback addresses serves no host that a browser would take for another machine's.
func FuzzHosts(f *testing.F) {
	for _, s := range []string{"localhost", "127.0.0.1:80", "[::1]:80", "evil.example", "localhost.", "a@localhost", "[::ffff:127.0.0.1]", "x:localhost", "127.1"} {
		f.Add(s)
	}
	loopback, named := Hosts{Loopback: true}, Hosts{Allowed: []string{"ai.example.com"}}
	f.Fuzz(func(t *testing.T, host string) {
		u, err := url.Parse("http://" + host + "/")
		if err != nil || host == "" || u.Host != host {
			return // no browser sends it
		}
		name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
		address, err := netip.ParseAddr(name)
		own := name == "localhost" || strings.HasSuffix(name, ".localhost") || err == nil && address.Unmap().IsLoopback()
		if loopback.serve(host) && !own {
			t.Errorf("%q is served", host)
		}
		if named.serve(host) && !own && name != "ai.example.com" {
			t.Errorf("%q is served", host)
		}
	})
}
