package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/email"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/secret"
)

// loader is config.Load or config.LoadForMigration.
type loader func(getenv func(string) string, checks ...func(config.Config) config.Faults) (config.Config, error)

// configure reads the environment. ok is false when it is wrong; then all that is wrong has been printed. The further checks
// are the command's own.
func configure(p program, further ...func(config.Config) config.Faults) (cfg config.Config, ok bool) {
	return configureWith(p, config.Load, further...)
}

func configureWith(p program, load loader, further ...func(config.Config) config.Faults) (cfg config.Config, ok bool) {
	checks := append(further, checkDatabase(p.getenv), checkModels, checkBootstrap)
	cfg, err := load(p.getenv, checks...)
	if err != nil {
		fmt.Fprintln(p.stderr, err)
		return cfg, false
	}
	return cfg, true
}

// checkDatabase holds DATABASE_URL and the PG* variables to what the PostgreSQL client takes. DB_* are checked one by one.
func checkDatabase(getenv func(string) string) func(config.Config) config.Faults {
	return func(c config.Config) config.Faults {
		if c.Database.Driver != config.PostgreSQL {
			return nil
		}
		url := c.Database.URL.Reveal()
		fault := config.Fault{
			Variable: "DATABASE_URL",
			Problem:  "must be what PostgreSQL's clients take: look at its parameters, such as sslmode, and at the PG* variables",
		}
		if getenv("DATABASE_URL")+getenv("DATABASE_URL_FILE") == "" {
			url = "postgres://localhost" // what is wrong now is a PG* variable
			fault = config.Fault{Variable: "DB_HOST", Problem: "must be used with PG* variables that are right: look at PGSSLMODE and the others"}
		}
		if _, err := pgxpool.ParseConfig(url); err != nil { // the cause may quote the password
			return config.Faults{fault}
		}
		return nil
	}
}

// onThisMachine reports whether nothing but this machine holds the database.
func onThisMachine(d config.Database) bool {
	if d.Driver == config.SQLite {
		return true
	}
	c, err := pgconn.ParseConfig(d.URL.Reveal())
	if err != nil {
		return false
	}
	hosts := []string{c.Host}
	for _, other := range c.Fallbacks {
		hosts = append(hosts, other.Host)
	}
	return !slices.ContainsFunc(hosts, func(host string) bool { return !strings.HasPrefix(host, "/") && !config.IsLoopback(host) })
}

// checkModels holds the default models to the rules for those that a call names.
func checkModels(c config.Config) (faults config.Faults) {
	for variable, name := range map[string]string{
		"DEFAULT_CHAT_MODEL": c.Ollama.ChatModel, "DEFAULT_EMBED_MODEL": c.Ollama.EmbedModel,
	} {
		if _, err := ollama.Canonical(name); err != nil {
			faults = append(faults, config.Fault{Variable: variable, Problem: "must be a model's name such as llama3.2:latest"})
		}
	}
	return faults
}

// checkBootstrap holds the first admin's address, and in prod their password, to the rules for all others.
func checkBootstrap(c config.Config) (faults config.Faults) {
	if _, err := email.Normalize(c.Bootstrap.Email); err != nil {
		faults = append(faults, config.Fault{Variable: "ADMIN_BOOTSTRAP_EMAIL", Problem: err.Error()})
	}
	password := c.Bootstrap.Password.Reveal()
	if c.Environment != config.Prod || password == "" {
		return faults
	}
	if err := secret.CheckPassword(password, c.PasswordMinLength, c.Bootstrap.Email); err != nil {
		faults = append(faults, config.Fault{Variable: "ADMIN_BOOTSTRAP_PASSWORD", Problem: err.Error()})
	}
	return faults
}
