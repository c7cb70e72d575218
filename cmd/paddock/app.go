package main

import (
	"context"
	"fmt"
	"io"
	stdlog "log" //nolint:depguard // to silence it
	"log/slog"

	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/bootstrap"
	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/server"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/version"
)

// app is the configured program with its database open.
type app struct {
	config config.Config
	store  *store.Store
	audit  *audit.Log
	hasher *secret.Hasher
	log    *slog.Logger
	// requests logs each request, a moment later than log does.
	requests *slog.Logger
	flush    func() // writes what requests has not written yet
	// passwordSet reports whether the operator has set the first admin's password.
	passwordSet bool
}

// open opens the database, and warns of variables that look like settings and are none. The caller must close the app.
func open(ctx context.Context, cfg config.Config, p program, options ...store.Option) (*app, error) {
	log := slog.New(newHandler(cfg, p.stderr, isTerminal(p.stderr)))
	slog.SetDefault(log)
	stdlog.SetOutput(io.Discard) // where net/http quotes what an upstream sends behind its answer
	for _, unknown := range config.FindUnknown(p.environ) {
		log.Warn("environment variable has no effect: there is no such setting", "variable", unknown.Name, "similar", unknown.Similar)
	}
	s, err := store.Open(ctx, cfg.Database.URL.Reveal(), options...)
	if err != nil {
		return nil, err
	}
	params := secret.Params{MemoryKiB: cfg.Argon2.MemoryKiB, Time: cfg.Argon2.Time, Parallelism: cfg.Argon2.Parallelism}
	lines := &lineWriter{w: p.stderr}
	return &app{
		config: cfg, store: s, audit: audit.Open(s), hasher: secret.NewHasher(params, 0),
		log: log, requests: slog.New(newHandler(cfg, lines, isTerminal(p.stderr))), flush: lines.flush,
		passwordSet: p.getenv("ADMIN_BOOTSTRAP_PASSWORD")+p.getenv("ADMIN_BOOTSTRAP_PASSWORD_FILE") != "",
	}, nil
}

func (a *app) close() {
	a.flush()
	if err := a.store.Close(); err != nil {
		a.log.Error("close database", "error", err)
	}
}

// prepare brings the schema up to date when that is wanted, and fails when it is not up to date then.
func (a *app) prepare(ctx context.Context) error {
	if a.config.AutoMigrate {
		applied, err := migrate.Up(ctx, a.store)
		if err != nil {
			return err
		}
		if len(applied) > 0 {
			a.log.Info("schema migrated", "applied", applied)
		}
	}
	return migrate.Check(ctx, a.store)
}

// seed makes the first admin and prints what is new, but for a password that the operator has set: they know it, and it would
// stay in a log.
func (a *app) seed(ctx context.Context, stdout io.Writer) (bootstrap.Made, error) {
	b := a.config.Bootstrap
	made, err := bootstrap.Seed(ctx, a.store, a.audit, a.hasher, bootstrap.Admin{
		Email: b.Email, Password: b.Password.Reveal(), Force: b.Force,
	})
	if err != nil {
		return made, err
	}
	printed := made.Password
	if made.Password != "" && a.passwordSet {
		printed = ""
		a.log.Info("the first admin has the password that is configured", "email", b.Email)
	}
	for _, line := range []struct{ name, value string }{
		{"BOOTSTRAP_ADMIN_EMAIL", made.Email},
		{"BOOTSTRAP_ADMIN_PASSWORD", printed},
		{"BOOTSTRAP_ADMIN_API_KEY", made.APIKey},
	} {
		if line.value != "" {
			fmt.Fprintf(stdout, "%s=%s\n", line.name, line.value)
		}
	}
	return made, nil
}

func (a *app) server(ctx context.Context, o server.Options) (*server.Server, error) {
	signing, err := a.config.SigningSecrets()
	if err != nil {
		return nil, err
	}
	for _, s := range signing {
		o.Secrets = append(o.Secrets, []byte(s.Reveal()))
	}
	if o.AuditKey, err = a.auditKey(ctx); err != nil {
		return nil, err
	}
	o.Version, o.RequestLog = version.String(), a.requests
	return server.New(ctx, a.config, a.store, a.audit, a.hasher, a.log, o)
}

// auditKey returns the key that seals the audit trail; nil when there is none and none can be kept, which is no reason not to serve.
// Replicas on PostgreSQL must share one: signed with keys of their own, what one has sealed is a change to all others.
func (a *app) auditKey(ctx context.Context) (*checkpoint.Key, error) {
	if a.config.AuditSigningKey == "" && a.config.Database.Driver == config.PostgreSQL {
		a.log.WarnContext(ctx, "audit trail is not sealed: set AUDIT_SIGNING_KEY, the same for all replicas")
		if a.config.Retain.Audit > 0 || a.config.AuditWitness.URL != "" {
			a.log.WarnContext(ctx, "RETAIN_AUDIT and AUDIT_WITNESS_URL are without effect: the audit trail is not sealed")
		}
		return nil, nil //nolint:nilnil // no key
	}
	text, err := a.config.MakeAuditKey()
	if err != nil {
		a.log.WarnContext(ctx, "audit trail is not sealed: set AUDIT_SIGNING_KEY", "error", err)
		return nil, nil //nolint:nilnil // no key
	}
	return checkpoint.NewKey(text.Reveal())
}

// fail prints why a command ends and returns its exit code.
func fail(p program, err error) int {
	fmt.Fprintf(p.stderr, "paddock: %v\n", err)
	return exitFailed
}
