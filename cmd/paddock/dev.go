package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/paddock-gate/paddock/internal/config"
)

// devPassword is the first admin's in a database on one's own machine, when none is configured.
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
	flags.BoolVar(&f.noBackend, "no-backend", false, "serve the page alone, for a server that already runs at VITE_API_BASE")
	flags.BoolVar(&f.openBrowser, "open-browser", false, "open the page and the API's documentation")
	if err := flags.Parse(p.args); err != nil {
		return exitUsage
	}
	if flags.NArg() > 0 || f.env != "dev" && f.env != "prod" || f.noBackend && f.noFrontend {
		fmt.Fprintln(p.stderr, "usage: paddock dev [--env dev|prod] [--no-backend | --no-frontend] [--open-browser]")
		return exitUsage
	}
	moves := p.getenv("LISTEN_ADDR") == ""
	checks := []func(config.Config) config.Faults{notInProd(p.getenv("ENVIRONMENT"), f), loopbackWithOwnPassword(f)}
	p.getenv = devEnv(p.getenv, f)
	cfg, ok := configure(p, checks...)
	if !ok {
		return exitUsage
	}
	if f.noBackend {
		cfg.MetricsAddr = "" // is the server's
	} else if ownPassword(cfg, f) {
		cfg.Bootstrap.Password = devPassword
	}
	listener, err := devListen(ctx, p, cfg, moves)
	if err != nil {
		return fail(p, err)
	}
	defer listener.Close()
	if f.noBackend {
		return devPage(ctx, p, cfg, f, listener)
	}
	return devServer(ctx, p, cfg, f, listener)
}

// devEnv is the environment with what differs on one's own machine, unless it says something else: loopback only, and a log
// of what went wrong. ENVIRONMENT is what the flag says.
func devEnv(getenv func(string) string, f devFlags) func(string) string {
	environment := config.Local
	if f.env == "prod" {
		environment = config.Prod
	}
	defaults := map[string]string{"LISTEN_ADDR": "127.0.0.1:8080", "LOG_LEVEL": "warn"}
	if f.noBackend {
		defaults["VITE_API_BASE"] = "http://127.0.0.1:8080"
	}
	return func(name string) string {
		if name == "ENVIRONMENT" {
			return string(environment)
		}
		if value := getenv(name); value != "" {
			return value
		}
		return defaults[name]
	}
}

// notInProd keeps dev from what is meant for prod's server.
func notInProd(environment string, f devFlags) func(config.Config) config.Faults {
	return func(config.Config) config.Faults {
		if f.env == "prod" || environment == "" || environment == string(config.Local) {
			return nil
		}
		return config.Faults{{
			Variable: "ENVIRONMENT",
			Problem:  "must be local or unset for `paddock dev`; use `paddock serve`, or to try prod's checks here `paddock dev --env prod`",
		}}
	}
}

// loopbackWithOwnPassword keeps the password that everybody knows to this machine.
func loopbackWithOwnPassword(f devFlags) func(config.Config) config.Faults {
	return func(c config.Config) config.Faults {
		if f.noBackend || !ownPassword(c, f) || isLoopbackAddr(c.ListenAddr) {
			return nil
		}
		return config.Faults{{
			Variable: "LISTEN_ADDR",
			Problem:  "must be a loopback address such as 127.0.0.1:8080, unless ADMIN_BOOTSTRAP_PASSWORD is set: dev's own is known to all",
		}}
	}
}

// ownPassword reports whether the first admin gets devPassword. In a database on another machine, which other servers may
// use, they get a random one.
func ownPassword(c config.Config, f devFlags) bool {
	return f.env != "prod" && c.Bootstrap.Password == "" && onThisMachine(c.Database)
}
