package main

import (
	"encoding/pem"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// secretIn returns the path of a file that holds a secret and a line break.
func secretIn(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// behindTLS returns a proxy with TLS and HTTP/2 in front of a server, and an environment that trusts its certificate.
func behindTLS(t *testing.T, server string) (address string, trust environment) {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewUnstartedServer(apptest.FullDuplex(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, FlushInterval: -1,
	}))
	proxy.EnableHTTP2 = true
	proxy.StartTLS()
	t.Cleanup(proxy.Close)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw})
	return proxy.URL, environment{"SSL_CERT_FILE": secretIn(t, string(certificate))}
}

// TestCheck_Server checks a server that runs, over TLS and without, with each kind of credential.
func TestCheck_Server(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(ollamatest.New())
	t.Cleanup(upstream.Close)
	const password = "correct horse battery"
	server := start(t, onItsOwn(t).with(environment{
		"OLLAMA_BASE_URL": upstream.URL, "DEFAULT_CHAT_MODEL": "tiny-chat", "DEFAULT_EMBED_MODEL": "tiny-embed",
		"ADMIN_BOOTSTRAP_EMAIL": "root@example.com", "ADMIN_BOOTSTRAP_PASSWORD": password,
	}), "serve")
	a := server.app(t)
	secure, trust := behindTLS(t, a.URL)
	for name, c := range map[string]struct {
		env  environment
		args []string
		code int
		want string
	}{
		"password":       {environment{"PADDOCK_CHECK_PASSWORD": password, "PADDOCK_CHECK_EMAIL": "root@example.com"}, []string{a.URL}, exitOK, "ok    sign-out"},
		"password file":  {environment{"PADDOCK_CHECK_PASSWORD_FILE": secretIn(t, password)}, []string{a.URL, "--email", "root@example.com"}, exitOK, "ok    audit trail"},
		"token":          {environment{"PADDOCK_CHECK_TOKEN": a.AdminKey}, []string{a.URL}, exitOK, "ok    embedding"},
		"token file":     {environment{"PADDOCK_CHECK_TOKEN_FILE": secretIn(t, a.AdminKey)}, []string{"--chat-model=tiny-tools", a.URL + "/"}, exitOK, "ok    chat"},
		"TLS":            {trust.with(environment{"PADDOCK_CHECK_TOKEN": a.AdminKey}), []string{secure}, exitOK, "ok    key revoked"},
		"TLS not known":  {environment{"PADDOCK_CHECK_TOKEN": a.AdminKey}, []string{secure}, exitFailed, "FAIL  health        tls: failed to verify certificate"},
		"wrong password": {environment{"PADDOCK_CHECK_PASSWORD": "canary of a password"}, []string{a.URL}, exitFailed, "FAIL  sign-in"},
		"wrong version":  {environment{"PADDOCK_CHECK_TOKEN": a.AdminKey}, []string{a.URL, "--version", "v0"}, exitFailed, "FAIL  version"},
	} {
		code, stdout, stderr := runCommand(t, c.env, append([]string{"check"}, c.args...)...)
		if code != c.code || !strings.Contains(stdout, c.want) || stderr != "" {
			t.Errorf("%s: exit code %d\n%s%s", name, code, stdout, stderr)
		}
		for _, secret := range []string{password, a.AdminKey, "canary of"} {
			if strings.Contains(stdout, secret) {
				t.Errorf("%s: a secret is printed:\n%s", name, stdout)
			}
		}
	}
}

func TestCheck_InvalidArguments(t *testing.T) {
	t.Parallel()
	const server = "http://127.0.0.1:1"
	key := environment{"PADDOCK_CHECK_TOKEN": "canary"}
	for _, c := range []struct {
		env  environment
		args []string
	}{
		{key, nil},
		{key, []string{server, server}},
		{key, []string{"--config", server}},
		{key, []string{"127.0.0.1:8080"}},
		{key, []string{"http://u:canary@x"}},
		{key, []string{"--password=canary", server}},
		{key, []string{"--timeout=0", server}},
		{nil, []string{server}},
		{environment{"PADDOCK_CHECK_TOKEN_FILE": "no/such/file"}, []string{server}},
		{environment{"PADDOCK_CHECK_TOKEN_FILE": "x", "PADDOCK_CHECK_TOKEN": "canary"}, []string{server}},
	} {
		code, stdout, stderr := runCommand(t, c.env, append([]string{"check"}, c.args...)...)
		if code != exitUsage || stdout != "" || stderr == "" || strings.Contains(stderr, "canary ") {
			t.Errorf("%v: exit code %d, %q, %q", c.args, code, stdout, stderr)
		}
	}
}

// TestCheck_Config checks this environment, and that nothing is touched.
func TestCheck_Config(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(ollamatest.New())
	t.Cleanup(upstream.Close)
	env := onItsOwn(t).with(environment{"OLLAMA_BASE_URL": upstream.URL, "DEFAULT_CHAT_MODEL": "tiny-chat", "DEFAULT_EMBED_MODEL": "tiny-embed"})
	for name, c := range map[string]struct {
		env  environment
		code int
		want string
	}{
		"all right":             {env, exitOK, "ok    models"},
		"misspelt":              {env.with(environment{"JWT_SECERT": "canary"}), exitOK, "warn  variables     JWT_SECERT has no effect"},
		"invalid":               {env.with(environment{"DB_PORT": "canary"}), exitFailed, "FAIL  settings      DB_PORT"},
		"of another package":    {env.with(environment{"DEFAULT_CHAT_MODEL": "canary?"}), exitFailed, "FAIL  settings      DEFAULT_CHAT_MODEL"},
		"no Ollama":             {env.with(environment{"OLLAMA_BASE_URL": "http://127.0.0.1:1"}), exitFailed, "FAIL  ollama"},
		"PostgreSQL not ready":  {env.with(environment{"DATABASE_URL": storetest.EmptyPostgreSQL(t)}), exitFailed, "FAIL  schema"},
		"PostgreSQL that is up": {env.with(environment{"DATABASE_URL": storetest.PostgreSQL(t)}), exitOK, "ok    schema"},
	} {
		code, stdout, stderr := runCommand(t, c.env, "check", "--config")
		if code != c.code || !strings.Contains(stdout, c.want) || stderr != "" || strings.Contains(stdout, "canary") {
			t.Errorf("%s: exit code %d\n%s%s", name, code, stdout, stderr)
		}
	}
	if _, err := os.Stat(env["DATA_DIR"]); !os.IsNotExist(err) {
		t.Errorf("made %s", env["DATA_DIR"])
	}
}
