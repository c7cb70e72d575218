package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/server"
	"github.com/paddock-gate/paddock/ui"
)

func devServer(ctx context.Context, p program, cfg config.Config, f devFlags, listener net.Listener) int {
	cfg.AutoMigrate = true
	a, err := open(ctx, cfg, p)
	if err != nil {
		return fail(p, err)
	}
	defer a.close()
	if err := a.prepare(ctx); err != nil {
		return fail(p, err)
	}
	made, err := a.seed(ctx, p.stdout)
	if err != nil {
		return fail(p, err)
	}
	srv, err := a.server(ctx, server.Options{WithoutPage: f.noFrontend})
	if err != nil {
		return fail(p, err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx, listener) }()

	check := devCheck{
		base: baseURL(listener.Addr()), email: cfg.Bootstrap.Email, password: made.Password, fresh: made.Password != "", hidden: a.passwordSet,
	}
	if !check.fresh {
		check.password = cfg.Bootstrap.Password.Reveal()
	}
	if err := check.run(ctx); err != nil {
		stop()
		<-ended //nolint:errcheck // the check's error says more
		return fail(p, err)
	}
	page := devPageLine(check.base, f)
	// One write: who reads along, a script say, sees all of it or nothing.
	fmt.Fprintf(p.stdout, "\n  Paddock is ready.\n\n%s  API docs  %s/docs\n  Sign in   %s\n  Database  %s\n  Ollama    %s\n\n  Ctrl-C stops it.\n\n",
		page, check.base, check.signIn, devDatabase(cfg), devOllama(cfg, check.ollama))
	if f.openBrowser {
		openBrowser(ctx, check.base, check.base+"/docs")
	}
	if err := <-ended; err != nil {
		return fail(p, err)
	}
	return exitOK
}

// devPageLine says where the page is. It is empty if none was asked for.
func devPageLine(base string, f devFlags) string {
	switch {
	case f.noFrontend:
		return ""
	case !ui.Built():
		return "  Page      none, for it was built without Node.js\n"
	}
	return "  Page      " + base + "\n"
}

func devDatabase(cfg config.Config) string {
	if cfg.Database.Driver == config.SQLite {
		return "embedded, " + cfg.Database.Path
	}
	return "PostgreSQL"
}

// devOllama describes where Ollama is expected, whether it answers, and what to do if it does not.
func devOllama(cfg config.Config, state string) string {
	var all []string
	for _, u := range cfg.Ollama.BaseURLs {
		all = append(all, u.String())
	}
	where := strings.Join(all, ", ")
	switch state {
	case "ok":
		return where + ", which answers"
	case "degraded":
		return where + ", some of which do not answer"
	}
	hint := where + ", which does not answer: install and start it (https://ollama.com)"
	if u := cfg.Ollama.BaseURLs[0]; u.Hostname() == "127.0.0.1" || u.Hostname() == "localhost" {
		hint += ", or a test one:\n            go run ./internal/ollama/ollamatest/serve"
		if u.Port() != "11434" {
			hint += " -addr 127.0.0.1:" + cmp.Or(u.Port(), "80")
		}
	}
	return hint
}

// devCheck asks the running server whether it lives, is ready, and lets the admin in.
type devCheck struct {
	base, email, password string
	fresh                 bool // the password was set just now
	hidden                bool // the password is the operator's own

	signIn string // what to sign in with
	ollama string // how it is, as /readyz tells
}

// run fails when the server does not answer as it should. An admin who has changed their password since is no fault.
func (c *devCheck) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if status, err := c.ask(ctx, http.MethodGet, "/healthz", nil, nil); err != nil || status != http.StatusOK {
		return fmt.Errorf("/healthz does not answer as it should: %w", orStatus(err, status))
	}
	var state struct{ Upstream string }
	if status, err := c.ask(ctx, http.MethodGet, "/readyz", nil, &state); err != nil || status != http.StatusOK {
		return fmt.Errorf("/readyz does not answer as it should: %w", orStatus(err, status))
	}
	c.ollama = state.Upstream
	c.signIn = c.email + " / the password that you have set"
	if c.password == "" {
		return nil
	}
	body, err := json.Marshal(map[string]string{"email": c.email, "password": c.password})
	if err != nil {
		return err
	}
	status, err := c.ask(ctx, http.MethodPost, "/paddock.v1.AuthService/Login", body, nil)
	switch {
	case err == nil && status == http.StatusOK:
		if !c.hidden {
			c.signIn = c.email + " / " + c.password
		}
		return nil
	case err == nil && status == http.StatusUnauthorized && !c.fresh:
		return nil
	}
	return fmt.Errorf("admin login: %w", orStatus(err, status))
}

func orStatus(err error, status int) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("status %d", status)
}

// ask decodes the answer into result unless that is nil.
func (c *devCheck) ask(ctx context.Context, method, path string, body []byte, result any) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "paddock dev")
	res, err := direct.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if result != nil {
		err = json.NewDecoder(res.Body).Decode(result)
	}
	return res.StatusCode, err
}

// devPage serves the page without a server behind it; the page calls VITE_API_BASE.
func devPage(ctx context.Context, p program, cfg config.Config, f devFlags, listener net.Listener) int {
	base := baseURL(listener.Addr())
	fmt.Fprintf(p.stdout, "\n  The page is at %s and calls the server at %s (VITE_API_BASE),\n"+
		"  which must run with CORS_ALLOWED_ORIGINS=%[1]s.\n\n  Ctrl-C stops it.\n\n", base, cfg.WebAPIBase)
	if f.openBrowser {
		openBrowser(ctx, base)
	}
	if err := server.ServePage(ctx, listener, cfg.WebAPIBase); err != nil {
		return fail(p, err)
	}
	return exitOK
}

// openBrowser opens the pages with what the desktop has for it; where there is none, the addresses are printed anyway.
func openBrowser(ctx context.Context, urls ...string) {
	command := map[string][]string{
		"darwin":  {"open"},
		"windows": {"rundll32", "url.dll,FileProtocolHandler"},
	}[runtime.GOOS]
	if command == nil {
		command = []string{"xdg-open"}
	}
	for _, u := range urls {
		_ = exec.CommandContext(ctx, command[0], append(command[1:], u)...).Start() //nolint:gosec // one of three programs, and an address of our own
	}
}
