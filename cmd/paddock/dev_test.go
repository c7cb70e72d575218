package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// devReady waits until dev has said all, and returns it.
func devReady(t *testing.T, p *process, last string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if out := p.stdout.String(); strings.Contains(out, last) {
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

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// TestDevTakesTheNextFreePort when 8080 is taken, and says where it is.
func TestDevTakesTheNextFreePort(t *testing.T) {
	if l, err := net.Listen("tcp", "127.0.0.1:8080"); err == nil { // else somebody has it, which is as good
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
	out := devReady(t, p, "Ctrl-C")
	base := address.FindString(out)
	if port := base[max(0, len(base)-4):]; port < "8081" || port > "8083" {
		t.Errorf("dev is at %q:\n%s", base, out)
	}
	for _, path := range []string{"/", "/docs", "/healthz", "/readyz"} {
		if status := get(base + path); status != http.StatusOK {
			t.Errorf("%s: status %d", path, status)
		}
	}
	if !strings.Contains(out, "admin@example.com / admin\n") || !strings.Contains(out, base+"/docs") {
		t.Errorf("dev says:\n%s", out)
	}
	p.stop(t)
}

func TestDevAgainAfterThePasswordWasChanged(t *testing.T) {
	t.Parallel()
	env := onItsOwn(t)
	first := start(t, env, "dev")
	devReady(t, first, "Ctrl-C")
	first.stop(t)
	mustRun(t, env.with(environment{"ADMIN_BOOTSTRAP_PASSWORD": "of their own choice", "ADMIN_BOOTSTRAP_PASSWORD_FORCE": "1"}), "seed")
	second := start(t, env, "dev")
	out := devReady(t, second, "Ctrl-C")
	if strings.Contains(out, "BOOTSTRAP_") || !strings.Contains(out, "the password that you have set") {
		t.Errorf("dev says:\n%s", out)
	}
	second.stop(t)
}

func TestDevFlags(t *testing.T) {
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
		out := devReady(t, p, "Ctrl-C")
		if strings.Contains(out, "/ admin\n") || made(out)["BOOTSTRAP_ADMIN_PASSWORD"] == "" {
			t.Errorf("dev --env prod says:\n%s", out)
		}
		p.stop(t)
	})
	t.Run("--no-frontend", func(t *testing.T) {
		t.Parallel()
		p := start(t, onItsOwn(t), "dev", "--no-frontend")
		out := devReady(t, p, "Ctrl-C")
		base := address.FindString(out)
		if root, docs := get(base+"/"), get(base+"/docs"); root != http.StatusNotFound || docs != http.StatusOK || strings.Contains(out, "Page ") {
			t.Errorf("/ %d, /docs %d:\n%s", root, docs, out)
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
		base := address.FindString(devReady(t, p, "Ctrl-C"))
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
	t.Run("--no-backend", func(t *testing.T) {
		t.Parallel()
		env := onItsOwn(t).with(environment{"VITE_API_BASE": "https://paddock.example.com"})
		p := start(t, env, "dev", "--no-backend")
		out := devReady(t, p, "paddock.example.com")
		if root := get(address.FindString(out) + "/"); root != http.StatusOK {
			t.Errorf("/: status %d\n%s", root, out)
		}
		if _, err := os.Stat(env["DATA_DIR"]); !os.IsNotExist(err) {
			t.Error("a database was made")
		}
		p.stop(t)
	})
}

// TestDevFailsFast with the reason.
func TestDevFailsFast(t *testing.T) {
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
