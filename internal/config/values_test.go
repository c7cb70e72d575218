package config_test

import (
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/paddock-gate/paddock/internal/config"
)

// FuzzDatabaseURL checks that an accepted URL names a file of its own, or a server that pgx reads as net/url does.
func FuzzDatabaseURL(f *testing.F) {
	for _, s := range []string{
		"postgres://u:p@h:5432/d?sslmode=require", "postgresql:///d?host=/run&user=u", "sqlite:///srv/x.db", "sqlite://./x.db", "postgres://u:%zz@h", "postgres://[::1]:1/d",
		"postgres://u:p%40w@h1:1,h2:2/d", "sqlite:///a?b", "mysql://h",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Load(env(map[string]string{"DATABASE_URL": text}))
		if err != nil || text == "" {
			return
		}
		u, err := url.Parse(text)
		if err != nil || c.Database.URL.Reveal() != text {
			t.Fatalf("%q is accepted as %q, %v", text, c.Database.URL.Reveal(), err)
		}
		if c.Database.Driver == config.SQLite {
			if c.Database.Path == "" || strings.ContainsAny(c.Database.Path, "?#%\x00") || "sqlite://"+c.Database.Path != text {
				t.Errorf("%q is the file %q", text, c.Database.Path)
			}
			return
		}
		got, err := pgconn.ParseConfig(text)
		if err != nil || u.RawQuery != "" || u.User.Username() == "" {
			return // pgx says the rest, or takes it from elsewhere
		}
		password, has := u.User.Password()
		if got.User != u.User.Username() || has && password != "" && got.Password != password {
			t.Errorf("%q arrives as user %q, password %q", text, got.User, got.Password)
		}
	})
}

// FuzzAddresses checks what is made of lists of networks, origins, hosts and upstreams: read anew they are the same.
func FuzzAddresses(f *testing.F) {
	f.Add("10.1.2.3/8, ::1,::ffff:10.0.0.1/104", "https://a.example,app://*,http://localhost:*", "A.example,[::1]", "http://h:1/x//, https://b")
	f.Add("0.0.0.0/0", "moz-extension://*", "a_b", "http://[::1]:1")
	f.Fuzz(func(t *testing.T, proxies, origins, hosts, upstreams string) {
		vars := map[string]string{"TRUSTED_PROXIES": proxies, "CORS_ALLOWED_ORIGINS": origins, "ALLOWED_HOSTS": hosts, "OLLAMA_BASE_URL": upstreams}
		for name, value := range vars { // one that is refused does not keep the others from being looked at
			if _, err := config.Load(env(map[string]string{name: value})); err != nil {
				delete(vars, name)
			}
		}
		c := load(t, vars)
		again := map[string]string{"CORS_ALLOWED_ORIGINS": strings.Join(c.CORSAllowedOrigins, ","), "ALLOWED_HOSTS": strings.Join(c.AllowedHosts, ",")}
		for _, p := range c.TrustedProxies {
			if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() || p.Addr().Zone() != "" {
				t.Errorf("%q has the network %v", proxies, p)
			}
			again["TRUSTED_PROXIES"] += p.String() + ","
		}
		for _, u := range c.Ollama.BaseURLs {
			if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(u.Path, "/") {
				t.Errorf("%q has the upstream %v", upstreams, u)
			}
			again["OLLAMA_BASE_URL"] += u.String() + ","
		}
		for _, h := range c.AllowedHosts {
			if h != strings.ToLower(h) || strings.ContainsAny(h, "/@ ,") {
				t.Errorf("%q has the host %q", hosts, h)
			}
		}
		d := load(t, again)
		if !slices.Equal(c.TrustedProxies, d.TrustedProxies) || !slices.Equal(c.CORSAllowedOrigins, d.CORSAllowedOrigins) || !slices.Equal(c.AllowedHosts, d.AllowedHosts) ||
			!slices.EqualFunc(c.Ollama.BaseURLs, d.Ollama.BaseURLs, func(a, b *url.URL) bool { return a.String() == b.String() }) {
			t.Errorf("%q becomes %+v, then %+v", vars, c, d)
		}
	})
}

// FuzzValues checks numbers, sizes, durations and addresses to listen on against their bounds and the standard library.
func FuzzValues(f *testing.F) {
	f.Add("64MiB", "90s", "10", ":8080")
	f.Add("1GiB", "-1h", "0x10", "[::1]:0")
	f.Add("9223372036854775807KiB", "1e3s", "+5", "a:b:c")
	f.Fuzz(func(t *testing.T, size, duration, number, address string) {
		read := func(name, value string) (config.Config, bool) {
			c, err := config.Load(env(map[string]string{name: value}))
			return c, err == nil && value != ""
		}
		if c, ok := read("MAX_MODEL_BODY", size); ok && (c.MaxModelBody < 64<<10 || c.MaxModelBody > 1<<30) {
			t.Errorf("%q is %d bytes", size, c.MaxModelBody)
		}
		if c, ok := read("ACCESS_TOKEN_TTL", duration); ok {
			if want, err := time.ParseDuration(duration); err != nil || want != c.Tokens.AccessTTL || want <= 0 {
				t.Errorf("%q is %v", duration, c.Tokens.AccessTTL)
			}
		}
		if c, ok := read("PASSWORD_MIN_LENGTH", number); ok {
			if want, err := strconv.Atoi(number); err != nil || want != c.PasswordMinLength {
				t.Errorf("%q is %d", number, c.PasswordMinLength)
			}
		}
		if c, ok := read("LISTEN_ADDR", address); ok {
			host, port, found := cutLast(c.ListenAddr, ":")
			_, badPort := strconv.ParseUint(port, 10, 16)
			if _, err := netip.ParseAddr(strings.Trim(host, "[]")); !found || badPort != nil || err != nil && strings.ContainsAny(host, ":/@ ") {
				t.Errorf("%q is listened on", address)
			}
		}
	})
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// FuzzSecretFile checks that the secret in a file is its one line, whoever wrote it, and that what is wrong with it quotes nothing.
func FuzzSecretFile(f *testing.F) {
	for _, s := range []string{"9f86d081884c7d659a2feaa0c55ad015\n", "9f86d081884c7d659a2feaa0c55ad015\r\n", "", "\n", "a\nb", "\xff", " 9f86d081884c7d659a2feaa0c55ad015 "} {
		f.Add([]byte(s))
	}
	path := filepath.Join(f.TempDir(), "secret")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		got, fromFile, err := config.LookupSecret(env(map[string]string{"X_FILE": path}), "X")
		if !fromFile {
			t.Fatal("is not from the file")
		}
		if err != nil {
			if len(content) > 40 && strings.Contains(err.Error(), string(content)) {
				t.Errorf("%v", err)
			}
			return
		}
		text := got.Reveal()
		if rest, ok := strings.CutPrefix(string(content), text); !ok || text == "" || rest != "" && rest != "\n" && rest != "\r\n" || strings.ContainsAny(text, "\r\n\x00") {
			t.Errorf("%q holds %q", content, text)
		}
	})
}
