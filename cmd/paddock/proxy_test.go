package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// proxy is a real one with its file in deploy/proxy.
type proxy struct {
	file string
	// adapt replaces what the file says of the machines: the proxy listens at http for HTTP/1.1 and at h2c for HTTP/2, without TLS.
	adapt func(config, http, h2c string) string
	run   func(dir, config string) *exec.Cmd
}

var proxies = map[string]proxy{
	"nginx": {
		file: "nginx.conf",
		adapt: func(config, http, h2c string) string {
			config = strings.NewReplacer("listen 443 ssl http2;", "listen "+http+"; listen "+h2c+" http2;",
				"ssl_certificate ", "# ", "ssl_certificate_key ", "# ").Replace(config)
			return "daemon off; pid nginx.pid; error_log stderr; events {}\nhttp { access_log off; client_body_temp_path a; proxy_temp_path b;" +
				" fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;\n" + config + "}\n"
		},
		run: func(dir, config string) *exec.Cmd { return exec.Command("nginx", "-p", dir, "-c", config) },
	},
	"Caddy": {
		file: "Caddyfile",
		adapt: func(config, http, h2c string) string {
			config, _, _ = strings.Cut(config, "\n# Without TLS")
			return "{\n\tadmin off\n\tservers {\n\t\tprotocols h1 h2c\n\t}\n}\n" +
				strings.Replace(config, "\npaddock.example.com {", "\nhttp://"+http+", http://"+h2c+" {", 1)
		},
		run: func(_, config string) *exec.Cmd {
			return exec.Command("caddy", "run", "--adapter", "caddyfile", "--config", config)
		},
	},
}

// TestProxy_RollingRestart restarts three replicas behind each proxy without a call that fails.
func TestProxy_RollingRestart(t *testing.T) {
	for name, p := range proxies {
		t.Run(name, func(t *testing.T) {
			if os.Getenv("PADDOCK_PROOF") != "full" {
				t.Skipf("restarts behind %s: not run: `make soak` does", name)
			}
			upstream := httptest.NewServer(ollamatest.New())
			t.Cleanup(upstream.Close)
			f := startFleet(t, built, 3, onItsOwn(t).with(environment{
				"DATABASE_URL": storetest.PostgreSQL(t), "OLLAMA_BASE_URL": upstream.URL, "OLLAMA_MAX_INFLIGHT": "0", "SHUTDOWN_DELAY": "3s",
			}))
			f.stay = true
			url, h2c := p.start(t, f.serving)
			load := startTraffic(t, url, h2c, bootstrapKey(t, f.replicas...), 8)
			f.restart(built, nil)
			f.restart(built, nil)
			load.stop(t, 1000)
		})
	}
}

// TestProxy_ForgedHost calls a server by a name that it is not to be called by, and says that it was another one. Caddy says itself which
// one it was.
func TestProxy_ForgedHost(t *testing.T) {
	if os.Getenv("PADDOCK_PROOF") != "full" {
		t.Skip("a forged host behind nginx: not run: `make soak` does")
	}
	server := start(t, onItsOwn(t).with(environment{"ALLOWED_HOSTS": "paddock.example.com", "TRUSTED_PROXIES": "127.0.0.1"}), "serve")
	replica := server.url(t)
	url, _ := proxies["nginx"].start(t, []string{replica, replica, replica})
	for _, contentType := range []string{"application/json", "application/grpc"} {
		for host, served := range map[string]bool{"paddock.example.com": true, "evil.example.com": false} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/paddock.v1.AuthService/Login", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = host
			request.Header = http.Header{"Content-Type": {contentType}, "X-Forwarded-Host": {"paddock.example.com"}}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if got := response.StatusCode != http.StatusMisdirectedRequest; got != served {
				t.Errorf("%s, %s: %s", host, contentType, response.Status)
			}
			if got := response.Header.Get("Strict-Transport-Security"); got == "" {
				t.Errorf("%s, %s: browsers are not told to use TLS alone", host, contentType)
			}
		}
	}
}

// start starts the proxy in front of the replicas, until the test ends.
func (p proxy) start(t *testing.T, replicas []string) (url, h2c string) {
	t.Helper()
	config, err := os.ReadFile(filepath.Join("../../deploy/proxy", p.file))
	if err != nil {
		t.Fatal(err)
	}
	url, h2c = freeAddress(t), freeAddress(t)
	text := p.adapt(string(config), url, h2c)
	for i, replica := range replicas {
		text = strings.ReplaceAll(text, "10.0.0.1"+string(rune('1'+i))+":8080", strings.TrimPrefix(replica, "http://"))
	}
	dir := t.TempDir()
	file := filepath.Join(dir, p.file)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := p.run(dir, file)
	var said output
	command.Dir, command.Stdout, command.Stderr = dir, &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	for deadline := time.Now().Add(patience); get("http://"+url+"/healthz") != http.StatusOK; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(said.String())
		}
	}
	return "http://" + url, "http://" + h2c
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
