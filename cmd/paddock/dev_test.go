package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/ui"
)

// devReady waits until dev has said all, and returns it.
func devReady(t *testing.T, p *process) string {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if out := p.stdout.String(); strings.Contains(out, "Ctrl-C stops it.") {
			return out
		}
		select {
		case <-p.ended:
			t.Fatalf("dev ended with %d: %s%s", p.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String())
		default:
		}
	}
	t.Fatalf("dev is not ready: %s%s", p.stdout.String(), p.stderr.String())
	return ""
}

var address = regexp.MustCompile(`http://127\.0\.0\.\d:\d+`)

// TestDev_PortTaken checks that dev takes the next free port when 8080 is taken, and prints its address.
func TestDev_PortTaken(t *testing.T) {
	if l, err := net.Listen("tcp", "127.0.0.1:8080"); err == nil { // else it is in use already, which is as good
		defer l.Close()
	}
	free := false
	for _, port := range []string{"8081", "8082", "8083"} {
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			l.Close()
			free = true
		}
	}
	env := onItsOwn(t)
	delete(env, "LISTEN_ADDR")
	p := start(t, env, "dev")
	if !free {
		if code := p.code(t); code != exitFailed || !strings.Contains(p.stderr.String(), "8083") {
			t.Errorf("no port is free: exit code %d, %s", code, p.stderr.String())
		}
		return
	}
	out := devReady(t, p)
	base := address.FindString(out)
	port := base[max(0, len(base)-4):]
	if port < "8081" || port > "8083" || !strings.Contains(out, "8080 is in use; took "+port+"\n") {
		t.Errorf("dev is at %q:\n%s", base, out)
	}
	for _, path := range []string{"/", "/docs", "/docs/", "/healthz", "/readyz"} {
		if status := get(base + path); status != http.StatusOK {
			t.Errorf("%s: status %d", path, status)
		}
	}
	if !strings.Contains(out, "admin@example.com / admin\n") || !strings.Contains(out, base+"/docs") {
		t.Errorf("dev says:\n%s", out)
	}
	p.stop(t)
}

// TestDev_ExplicitPortTaken checks that dev takes no other port than the one that was set, although 8080, of all ports, is
// taken.
func TestDev_ExplicitPortTaken(t *testing.T) {
	if l, err := net.Listen("tcp", "127.0.0.1:8080"); err == nil { // else it is in use already, which is as good
		defer l.Close()
	}
	code, stdout, stderr := runCommand(t, onItsOwn(t).with(environment{"LISTEN_ADDR": "127.0.0.1:8080"}), "dev")
	if code != exitFailed || stdout != "" || !strings.Contains(stderr, "LISTEN_ADDR: ") || !strings.Contains(stderr, "address already in use") {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
}

// TestDev_ProductionEnvironment checks that dev's own password does not get into a database that prod's environment names.
func TestDev_ProductionEnvironment(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"prod", "production"} {
		env := onItsOwn(t).with(environment{"ENVIRONMENT": value})
		code, stdout, stderr := runCommand(t, env, "dev")
		if code != exitUsage || stdout != "" || !strings.HasPrefix(stderr, "ENVIRONMENT: ") || !strings.Contains(stderr, "paddock serve") {
			t.Errorf("%s: exit code %d, %q, %q", value, code, stdout, stderr)
		}
		if _, err := os.Stat(env["DATA_DIR"]); !os.IsNotExist(err) {
			t.Errorf("%s: a database was made", value)
		}
	}
}

// TestDev_RemoteDatabase checks that dev does not set its own password in a database on another machine, which others may
// use.
func TestDev_RemoteDatabase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  environment
		own  bool
		flag string
	}{
		{own: true},
		{environment{"ADMIN_BOOTSTRAP_PASSWORD": "battery horse staple"}, false, "dev"},
		{environment{}, false, "prod"},
		{environment{"DATABASE_URL": "sqlite:///srv/paddock.db"}, true, "dev"},
		{environment{"DB_HOST": "localhost"}, true, "dev"},
		{environment{"DB_HOST": "127.0.0.1"}, true, "dev"},
		{environment{"DB_HOST": "::1"}, true, "dev"},
		{environment{"DB_HOST": "/run/postgresql"}, true, "dev"},
		{environment{"DATABASE_URL": "postgres:///app?host=/run/postgresql"}, true, "dev"},
		{environment{"DB_HOST": "db.example.com"}, false, "dev"},
		{environment{"DB_HOST": "10.0.0.3"}, false, "dev"},
		{environment{"DATABASE_URL": "postgres://u:p@localhost,db.example.com/app"}, false, "dev"},
		{environment{"DATABASE_URL": "postgres://u:p@localhost/app?host=db.example.com"}, false, "dev"},
	} {
		cfg, err := config.Load(func(name string) string { return c.env[name] })
		if err != nil {
			t.Fatal(err)
		}
		if got := ownPassword(cfg, devFlags{env: c.flag}); got != c.own {
			t.Errorf("%v, %q: %t", c.env, c.flag, got)
		}
	}
}

// TestDev_OllamaStatus checks that dev reports whether Ollama answers, and what to do when it does not.
func TestDev_OllamaStatus(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(ollamatest.New())
	t.Cleanup(upstream.Close)
	for base, want := range map[string]string{
		upstream.URL:                         upstream.URL + ", which answers\n",
		"http://127.0.0.1:1":                 "http://127.0.0.1:1, which does not answer: install",
		upstream.URL + ",http://127.0.0.1:1": upstream.URL + ", http://127.0.0.1:1, some of which do not answer\n",
	} {
		p := start(t, onItsOwn(t).with(environment{"OLLAMA_BASE_URL": base}), "dev")
		if out := devReady(t, p); !strings.Contains(out, want) {
			t.Errorf("dev says:\n%s", out)
		}
		p.stop(t)
	}
}

// TestDev_PageNotBuilt checks that dev names the page where there is one, and no other: a program is built without it where
// there is no Node.js.
func TestDev_PageNotBuilt(t *testing.T) {
	t.Parallel()
	p := start(t, onItsOwn(t), "dev")
	out := devReady(t, p)
	named, absent := strings.Contains(out, "  Page      http://"), strings.Contains(out, "  Page      none, ")
	if named != ui.Built() || absent == ui.Built() {
		t.Errorf("the page is built: %t. dev says:\n%s", ui.Built(), out)
	}
	p.stop(t)
}

func TestDev_PasswordChanged(t *testing.T) {
	t.Parallel()
	env := onItsOwn(t)
	first := start(t, env, "dev")
	devReady(t, first)
	first.stop(t)
	mustRun(t, env.with(environment{"ADMIN_BOOTSTRAP_PASSWORD": "of their own choice", "ADMIN_BOOTSTRAP_PASSWORD_FORCE": "1"}), "seed")
	second := start(t, env, "dev")
	out := devReady(t, second)
	if strings.Contains(out, "BOOTSTRAP_") || !strings.Contains(out, "the password that you have set") {
		t.Errorf("dev says:\n%s", out)
	}
	second.stop(t)
}

func TestDev_Flags(t *testing.T) {
	t.Parallel()
	t.Run("--env prod", func(t *testing.T) {
		t.Parallel()
		env := onItsOwn(t)
		delete(env, "JWT_SECRET")
		code, stdout, stderr := runCommand(t, env, "dev", "--env", "prod")
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, "JWT_SECRET:") || !strings.Contains(stderr, "ARGON2_MEMORY_KIB:") {
			t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
		}
		good := onItsOwn(t).with(environment{"ARGON2_MEMORY_KIB": "7168"})
		p := start(t, good, "dev", "--env", "prod")
		out := devReady(t, p)
		if strings.Contains(out, "/ admin\n") || made(out)["BOOTSTRAP_ADMIN_PASSWORD"] == "" {
			t.Errorf("dev --env prod says:\n%s", out)
		}
		p.stop(t)
	})
	t.Run("--no-frontend", func(t *testing.T) {
		t.Parallel()
		p := start(t, onItsOwn(t), "dev", "--no-frontend")
		out := devReady(t, p)
		base := address.FindString(out)
		if root, docs := get(base+"/"), get(base+"/docs"); root != http.StatusNotFound || docs != http.StatusOK || strings.Contains(out, "Page ") {
			t.Errorf("/ %d, /docs %d:\n%s", root, docs, out)
		}
		if note := body(t, base+"/"); !strings.Contains(note, `<a href="/docs">`) {
			t.Errorf("/ says %q", note)
		}
		p.stop(t)
	})
	t.Run("--open-browser", func(t *testing.T) {
		t.Parallel()
		desktop := t.TempDir()
		opened := filepath.Join(desktop, "opened")
		browser := "#!/bin/sh\necho \"$1\" >> " + opened + "\n"
		if err := os.WriteFile(filepath.Join(desktop, "xdg-open"), []byte(browser), 0o700); err != nil { //nolint:gosec // it is to be run
			t.Fatal(err)
		}
		p := start(t, onItsOwn(t).with(environment{"PATH": desktop}), "dev", "--open-browser")
		base := address.FindString(devReady(t, p))
		var pages []string
		for deadline := time.Now().Add(patience); len(pages) < 2 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			text, _ := os.ReadFile(opened)
			pages = strings.Fields(string(text))
		}
		slices.Sort(pages)
		if !slices.Equal(pages, []string{base, base + "/docs"}) {
			t.Errorf("opened %v", pages)
		}
		p.stop(t)
	})
	t.Run("--no-backend, nowhere said", func(t *testing.T) {
		t.Parallel()
		p := start(t, onItsOwn(t), "dev", "--no-backend")
		out := devReady(t, p)
		if !strings.Contains(out, "calls the server at http://127.0.0.1:8080 (VITE_API_BASE)") {
			t.Errorf("dev says:\n%s", out)
		}
		p.stop(t)
	})
	t.Run("--no-backend", func(t *testing.T) {
		t.Parallel()
		metrics, err := net.Listen("tcp", "127.0.0.1:0") // as that server does
		if err != nil {
			t.Fatal(err)
		}
		defer metrics.Close()
		env := onItsOwn(t).with(environment{"VITE_API_BASE": "https://paddock.example.com", "METRICS_ADDR": metrics.Addr().String()})
		p := start(t, env, "dev", "--no-backend")
		out := devReady(t, p)
		if root := get(address.FindString(out) + "/"); root != http.StatusOK {
			t.Errorf("/: status %d\n%s", root, out)
		}
		if _, err := os.Stat(env["DATA_DIR"]); !os.IsNotExist(err) {
			t.Error("a database was made")
		}
		p.stop(t)
	})
}

// TestDev_PasswordOnLoopbackOnly checks that the password "admin" is for loopback alone.
func TestDev_PasswordOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	const own = "battery horse staple"
	for name, c := range map[string]struct {
		env   environment
		flags []string
		fine  bool
	}{
		"every interface":            {env: environment{"LISTEN_ADDR": "0.0.0.0:0"}},
		"every interface, in short":  {env: environment{"LISTEN_ADDR": ":0"}},
		"IPv6":                       {env: environment{"LISTEN_ADDR": "[::]:0"}},
		"a name":                     {env: environment{"LISTEN_ADDR": "gate.example.com:0"}},
		"loopback":                   {env: environment{"LISTEN_ADDR": "127.0.0.2:0"}, fine: true},
		"loopback by name":           {env: environment{"LISTEN_ADDR": "localhost:0"}, fine: true},
		"a password of one's own":    {env: environment{"LISTEN_ADDR": "0.0.0.0:0", "ADMIN_BOOTSTRAP_PASSWORD": own}, fine: true},
		"the page, which has none":   {env: environment{"LISTEN_ADDR": "0.0.0.0:0"}, flags: []string{"--no-backend"}, fine: true},
		"prod, which makes a random": {env: environment{"LISTEN_ADDR": "0.0.0.0:0", "ARGON2_MEMORY_KIB": "7168"}, flags: []string{"--env", "prod"}, fine: true},
	} {
		env := onItsOwn(t).with(c.env)
		p := start(t, env, append([]string{"dev"}, c.flags...)...)
		if c.fine {
			out := devReady(t, p)
			if base := address.FindString(out); get(base+"/") != http.StatusOK {
				t.Errorf("%s: nothing is at %q:\n%s", name, base, out)
			}
			p.stop(t)
			continue
		}
		if code := p.code(t); code != exitUsage || !strings.HasPrefix(p.stderr.String(), "LISTEN_ADDR: must be a loopback address") {
			t.Errorf("%s: exit code %d, %s", name, code, p.stderr.String())
		}
		if _, err := os.Stat(env["DATA_DIR"]); !os.IsNotExist(err) {
			t.Errorf("%s: a database was made", name)
		}
	}
}

// TestDev_FailsFast checks that dev fails at once with the reason.
func TestDev_FailsFast(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		env  environment
		want string
	}{
		"the port is taken":    {environment{"LISTEN_ADDR": taken.Addr().String()}, "address already in use"},
		"the database is away": {environment{"DATABASE_URL": "postgres://app:canary@127.0.0.1:1/app"}, "database"},
	} {
		began := time.Now()
		code, stdout, stderr := runCommand(t, onItsOwn(t).with(c.env), "dev")
		if code != exitFailed || !strings.Contains(stderr, c.want) || strings.Contains(stdout+stderr, "canary") {
			t.Errorf("%s: exit code %d, %q, %q", name, code, stdout, stderr)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}
