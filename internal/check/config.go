package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/store"
)

// configTimeout bounds each check of a configuration.
const configTimeout = 10 * time.Second

// plan is a configuration while it is checked.
type plan struct {
	config.Config
	store  *store.Store // nil until opened
	report *report
}

// Config writes one line for each thing that must hold before a server is started with a configuration, and reports whether all
// do. It takes what config.Load returned, and the variables that look like settings and are none. It changes nothing.
func Config(ctx context.Context, out io.Writer, cfg config.Config, faults error, unknown []config.Unknown) bool {
	p := &plan{Config: cfg, report: &report{out: out, secrets: []string{
		cfg.Tokens.Secret.Reveal(), cfg.Tokens.PreviousSecret.Reveal(), cfg.Bootstrap.Password.Reveal(), cfg.Database.URL.Reveal(),
	}}}
	defer p.close()
	steps := append(variables(unknown), settings(faults)...)
	return p.report.runAll(ctx, configTimeout, append(steps,
		step{"environment", "settings", p.checkEnvironment},
		step{"secrets", "settings", p.checkSecrets},
		step{"data folder", "settings", p.checkFolders},
		step{"proxies", "settings", p.checkProxies},
		step{"origins", "settings", p.checkOrigins},
		step{"metrics", "settings", p.checkMetrics},
		step{"database", "settings", p.checkDatabase},
		step{"schema", "database", p.checkSchema},
		step{"role", "database", p.checkRole},
		step{"clock", "database", p.checkClock},
		step{"ollama", "settings", p.checkOllama},
		step{"models", "ollama", p.checkModels},
	))
}

// variables returns a step for each unknown variable.
func variables(unknown []config.Unknown) (steps []step) {
	for _, u := range unknown {
		text := u.Name + " has no effect: there is no such setting"
		if u.Similar != "" {
			text += "; " + u.Similar + " is one"
		}
		steps = append(steps, step{"variables", "", func(context.Context) (string, error) { return "", warning(text) }})
	}
	return steps
}

// settings returns a step for each fault, or one that passes.
func settings(err error) (steps []step) {
	faults, ok := errors.AsType[config.Faults](err)
	if !ok {
		return []step{{"settings", "", func(context.Context) (string, error) { return "all are valid", err }}}
	}
	for _, f := range faults {
		steps = append(steps, step{"settings", "", func(context.Context) (string, error) { return "", errors.New(f.String()) }})
	}
	return steps
}

func (p *plan) prod() bool { return p.Environment == config.Prod }

func (p *plan) checkEnvironment(context.Context) (string, error) {
	if !p.prod() {
		return "", warning("ENVIRONMENT is local: settings that are unsafe for others than yourself are not refused")
	}
	return "prod", nil
}

// weakPasswords are those of examples and images, which anybody tries first.
var weakPasswords = []string{"app", "paddock", "postgres", "password", "changeme", "secret", "admin", "example"}

func (p *plan) checkSecrets(context.Context) (string, error) {
	if p.Database.Driver == config.PostgreSQL {
		if c, err := pgconn.ParseConfig(p.Database.URL.Reveal()); err == nil {
			p.report.secrets = append(p.report.secrets, c.Password)
			if slices.Contains(weakPasswords, c.Password) && p.prod() {
				return "", errors.New("the database's password (DB_PASSWORD, DATABASE_URL) is one that anybody tries first")
			}
		}
	}
	if p.Tokens.Secret == "" {
		return "", warning("JWT_SECRET is not set: a random one is kept in DATA_DIR, on this machine alone")
	}
	return fmt.Sprintf("JWT_SECRET has %d bytes", len(p.Tokens.Secret)), nil
}

func (p *plan) checkProxies(context.Context) (string, error) {
	for _, network := range p.TrustedProxies {
		if network.Bits() == 0 {
			return "", errors.New("TRUSTED_PROXIES names everybody, who could then give any address as theirs")
		}
	}
	if len(p.TrustedProxies) == 0 && p.prod() {
		return "", warning("TRUSTED_PROXIES is not set: behind a proxy all clients look like one, and cookies are not marked Secure")
	}
	return fmt.Sprintf("TRUSTED_PROXIES names %d", len(p.TrustedProxies)), nil
}

func (p *plan) checkOrigins(context.Context) (string, error) {
	found := fmt.Sprintf("CORS_ALLOWED_ORIGINS names %d", len(p.CORSAllowedOrigins))
	if !p.prod() {
		return found, nil
	}
	for _, origin := range p.CORSAllowedOrigins {
		if isPlain(origin) {
			return "", fmt.Errorf("CORS_ALLOWED_ORIGINS: %s comes without TLS, so that anybody on the way can call as it", origin)
		}
	}
	if isPlain(p.WebAPIBase) {
		return "", fmt.Errorf("VITE_API_BASE: the page would send passwords to %s without TLS", p.WebAPIBase)
	}
	return found, nil
}

// isPlain reports whether an address is http and of another machine.
func isPlain(address string) bool {
	rest, ok := strings.CutPrefix(address, "http://")
	host, _, _ := strings.Cut(rest, "/")
	if h, port, found := strings.Cut(host, ":"); found && port == "*" {
		host = h
	}
	u, err := url.Parse("http://" + host)
	if !ok || err != nil {
		return false
	}
	return !config.IsLoopback(u.Hostname())
}

func (p *plan) checkMetrics(context.Context) (string, error) {
	if p.MetricsAddr == "" && p.prod() {
		return "", warning("METRICS_ADDR is not set: whoever reaches the server reads /metrics, unless the proxy hides it")
	}
	if p.MetricsAddr == "" {
		return "on the server's own port", nil
	}
	return "on " + p.MetricsAddr, nil
}
