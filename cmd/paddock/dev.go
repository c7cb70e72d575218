package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"time"

	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/server"
)

// devPassword is the first admin's on one's own machine, when none is configured.
const devPassword = "admin"

type devFlags struct {
	env                                string
	noBackend, noFrontend, openBrowser bool
}

// dev is the one-command start on one's own machine.
func dev(ctx context.Context, p program) int {
	var f devFlags
	flags := flag.NewFlagSet("paddock dev", flag.ContinueOnError)
	flags.SetOutput(p.stderr)
	flags.StringVar(&f.env, "env", "dev", "which checks of the configuration to apply: dev or prod")
	flags.BoolVar(&f.noFrontend, "no-frontend", false, "serve the API alone")
	flags.BoolVar(&f.noBackend, "no-backend", false, "serve the page alone, for a server that already runs")
	flags.BoolVar(&f.openBrowser, "open-browser", false, "open the page and the API's documentation")
	if err := flags.Parse(p.args); err != nil {
		return exitUsage
	}
	if flags.NArg() > 0 || f.env != "dev" && f.env != "prod" || f.noBackend && f.noFrontend {
		fmt.Fprintln(p.stderr, "usage: paddock dev [--env dev|prod] [--no-backend | --no-frontend] [--open-browser]")
		return exitUsage
	}
	p.getenv = devEnv(p.getenv, f.env)
	cfg, ok := configure(p)
	if !ok {
		return exitUsage
	}
	if f.noBackend {
		return devPage(ctx, p, cfg, f)
	}
	return devServer(ctx, p, cfg, f)
}

// devEnv is the environment with what differs on one's own machine: the checks that were asked for, loopback only, and a
// first password that is easy to type, unless the real environment says something else.
func devEnv(getenv func(string) string, env string) func(string) string {
	defaults := map[string]string{"ENVIRONMENT": string(config.Local), "LISTEN_ADDR": "127.0.0.1:8080", "LOG_LEVEL": "warn"}
	if env == "prod" {
		defaults["ENVIRONMENT"] = string(config.Prod)
	} else {
		defaults["ADMIN_BOOTSTRAP_PASSWORD"] = devPassword
	}
	return func(name string) string {
		if value := getenv(name); value != "" && name != "ENVIRONMENT" {
			return value
		}
		if value, ok := defaults[name]; ok {
			return value
		}
		return ""
	}
}

func devServer(ctx context.Context, p program, cfg config.Config, f devFlags) int {
	listener, err := devListen(ctx, cfg.ListenAddr)
	if err != nil {
		return fail(p, err)
	}
	defer listener.Close()
	cfg.AutoMigrate = true
	a, err := open(ctx, cfg, p.stderr)
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

	base := "http://" + listener.Addr().String()
	password := made.Password
	if password == "" {
		password = cfg.Bootstrap.Password.Reveal()
	}
	signIn, err := devCheck(ctx, base, cfg.Bootstrap.Email, password, made.Password != "")
	if err != nil {
		stop()
		<-ended //nolint:errcheck // the check's error says more
		return fail(p, err)
	}
	fmt.Fprintf(p.stdout, "\n  Paddock is ready.\n\n")
	if !f.noFrontend {
		fmt.Fprintf(p.stdout, "  Page      %s\n", base)
	}
	fmt.Fprintf(p.stdout, "  API docs  %s/docs\n  Sign in   %s\n  Database  %s\n  Ollama    %s\n\n  Ctrl-C stops it.\n\n",
		base, signIn, devDatabase(cfg), cfg.Ollama.BaseURL)
	if f.openBrowser {
		openBrowser(ctx, base, base+"/docs")
	}
	if err := <-ended; err != nil {
		return fail(p, err)
	}
	return exitOK
}

func devDatabase(cfg config.Config) string {
	if cfg.Database.Driver == config.SQLite {
		return "embedded, " + cfg.Database.Path
	}
	return "PostgreSQL"
}

// devListen takes the port that was asked for, or when that is 8080 and taken, the next free one up to 8083.
func devListen(ctx context.Context, addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	ports := []string{port}
	if port == "8080" {
		ports = []string{"8080", "8081", "8082", "8083"}
	}
	for _, port := range ports {
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port)); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("no free port of %v on %s: %w", ports, host, err)
}

// devCheck asks the running server whether it lives, is ready, and lets the admin in, and returns what to sign in with.
// An admin who has changed their password since is no fault.
func devCheck(ctx context.Context, base, email, password string, fresh bool) (signIn string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, err := devAsk(ctx, http.MethodGet, base+path, nil); err != nil || status != http.StatusOK {
			return "", fmt.Errorf("%s does not answer as it should: status %d, %w", path, status, err)
		}
	}
	body, err := json.Marshal(map[string]string{"email": email, "password": password})
	if err != nil {
		return "", err
	}
	status, err := devAsk(ctx, http.MethodPost, base+"/paddock.v1.AuthService/Login", body)
	switch {
	case err != nil:
		return "", fmt.Errorf("admin login: %w", err)
	case status == http.StatusOK:
		return email + " / " + password, nil
	case status == http.StatusUnauthorized && !fresh:
		return email + " / the password that you have set", nil
	}
	return "", fmt.Errorf("admin login: status %d", status)
}

func devAsk(ctx context.Context, method, url string, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "paddock dev")
	res, err := direct.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// devPage serves the page without a server behind it; the page calls VITE_API_BASE.
func devPage(ctx context.Context, p program, cfg config.Config, f devFlags) int {
	listener, err := devListen(ctx, cfg.ListenAddr)
	if err != nil {
		return fail(p, err)
	}
	base := "http://" + listener.Addr().String()
	fmt.Fprintf(p.stdout, "\n  The page is at %s and calls the server at %s.\n\n", base, cfg.WebAPIBase)
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
		_ = exec.CommandContext(ctx, command[0], append(command[1:], u)...).Start()
	}
}
