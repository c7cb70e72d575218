package main

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func TestCommand_InvalidArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"nothing"},
		{"SERVE"},
		{"--nothing"},
		{"serve", "now"},
		{"serve", "--port=1"},
		{"seed", "twice"},
		{"healthcheck", "x"},
		{"version", "x"},
		{"help", "nothing"},
		{"migrate", "down"},
		{"migrate", "up", "again"},
		{"migrate", "--dry-run"},
		{"dev", "x"},
		{"backup"},
		{"backup", "a", "b"},
		{"restore"},
		{"restore", "--nothing", "a"},
		{"restore", "a", "--replace", "b"},
		{"copy"},
		{"copy", "--from", "sqlite:///a", "--to", "sqlite:///a"},
		{"copy", "--from", "sqlite:///a", "x"},
		{"admin"},
		{"admin", "recover"},
		{"admin", "delete", "admin@example.com"},
		{"dev", "--env", "staging"},
		{"dev", "--nothing"},
		{"dev", "--no-backend", "--no-frontend"},
	} {
		env := onItsOwn(t)
		code, stdout, stderr := runCommand(t, env, args...)
		if code != exitUsage || stdout != "" || stderr == "" {
			t.Errorf("%v: exit code %d, %q, %q", args, code, stdout, stderr)
		}
		if _, err := os.Stat(env["DATA_DIR"]); !os.IsNotExist(err) {
			t.Errorf("%v made %s", args, env["DATA_DIR"])
		}
	}
}

// TestConfiguration_Invalid checks that an invalid configuration exits with status 2 before anything is touched, and lists
// all errors at once, one line each, without the values.
func TestConfiguration_Invalid(t *testing.T) {
	t.Parallel()
	database, err := net.Listen("tcp", "127.0.0.1:0") // counts who connects
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	connected := make(chan struct{}, 100)
	go func() {
		for {
			if _, err := database.Accept(); err != nil {
				return
			}
			connected <- struct{}{}
		}
	}()
	faults := map[string]string{
		"ENVIRONMENT": "canary", "DB_PORT": "canary", "LISTEN_ADDR": "canary", "METRICS_ADDR": "canary:canary", "JWT_SECRET": "canary",
		"JWT_ALG": "canary", "ACCESS_TOKEN_TTL": "canary", "REFRESH_TOKEN_TTL": "0s", "SESSION_TTL": "-1h", "RATE_LIMIT_PER_MINUTE": "-1",
		"OLLAMA_BASE_URL": "canary", "OLLAMA_CONNECT_TIMEOUT": "canary", "ADMIN_BOOTSTRAP_EMAIL": "canary", "CORS_ALLOWED_ORIGINS": "canary",
		"TRUSTED_PROXIES": "canary", "PASSWORD_MIN_LENGTH": "7", "ARGON2_MEMORY_KIB": "canary", "ARGON2_TIME": "0",
		"LOG_LEVEL": "canary", "LOG_FORMAT": "canary", "AUTO_MIGRATE": "canary", "ADMIN_BOOTSTRAP_PASSWORD_FORCE": "canary",
	}
	prod := map[string]string{
		"ENVIRONMENT": "prod", "JWT_SECRET": "", "CORS_ALLOWED_ORIGINS": "*", "ADMIN_BOOTSTRAP_PASSWORD": "canary", "ARGON2_MEMORY_KIB": "64",
	}
	for _, command := range []string{"serve", "migrate", "seed", "healthcheck", "dev"} {
		for name, c := range map[string]struct {
			env  map[string]string
			want []string
		}{
			"all":  {faults, names(faults)},
			"prod": {prod, []string{"ADMIN_BOOTSTRAP_PASSWORD", "ARGON2_MEMORY_KIB", "CORS_ALLOWED_ORIGINS", "JWT_SECRET"}},
		} {
			args, want := []string{command}, slices.Clone(c.want)
			if command == "migrate" && name == "prod" { // signs nothing
				want = slices.DeleteFunc(want, func(name string) bool { return name == "JWT_SECRET" })
			}
			if command == "dev" {
				args = append(args, "--env", "prod") // it sets ENVIRONMENT itself
				want = slices.DeleteFunc(want, func(name string) bool { return name == "ENVIRONMENT" })
			}
			env := onItsOwn(t).with(c.env).with(environment{"DATABASE_URL": "postgres://u:canary@" + database.Addr().String() + "/app"})
			code, stdout, stderr := runCommand(t, env, args...)
			if code != exitUsage || stdout != "" {
				t.Errorf("%s, %s: exit code %d, %q", command, name, code, stdout)
			}
			var told []string
			for line := range strings.Lines(stderr) {
				variable, _, _ := strings.Cut(line, ":")
				told = append(told, variable)
			}
			slices.Sort(told)
			if !slices.Equal(told, want) {
				t.Errorf("%s, %s: told of %v, want %v\n%s", command, name, told, want, stderr)
			}
			if strings.Contains(stderr, "canary") {
				t.Errorf("%s, %s: a value is told: %s", command, name, stderr)
			}
			if _, err := os.Stat(env["DATA_DIR"]); !os.IsNotExist(err) {
				t.Errorf("%s made %s", command, env["DATA_DIR"])
			}
		}
	}
	if n := len(connected); n > 0 {
		t.Errorf("%d connections to the database", n)
	}
}

// TestConfiguration_RulesOfOtherPackages checks that values that other packages than config refuse are reported before
// anything is touched, too.
func TestConfiguration_RulesOfOtherPackages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		variable, value string
		with            environment
	}{
		{variable: "ADMIN_BOOTSTRAP_EMAIL", value: "canary"},
		{variable: "ADMIN_BOOTSTRAP_EMAIL", value: "canary@-example.com"},
		{variable: "ADMIN_BOOTSTRAP_EMAIL", value: "canary canary@example.com"},
		{variable: "DEFAULT_CHAT_MODEL", value: "canary?"},
		{variable: "DEFAULT_EMBED_MODEL", value: "canary:" + strings.Repeat("m", 256)},
		{variable: "DATABASE_URL", value: "postgres://canary:canary@db/canary?sslmode=canary"},
		{variable: "DATABASE_URL", value: "postgres://canary:canary@db/canary?pool_max_conns=canary"},
		{variable: "DATABASE_URL", value: "postgres://db/app", with: environment{"PGSSLMODE": "canary"}},
		{variable: "DB_HOST", value: "db", with: environment{"PGSSLMODE": "canary"}},
		{variable: "OTEL_RESOURCE_ATTRIBUTES", value: "canary", with: environment{"OTEL_TRACES_EXPORTER": "otlp"}},
		{variable: "OTEL_EXPORTER_OTLP_PROTOCOL", value: "grpc", with: environment{"OTEL_TRACES_EXPORTER": "otlp"}},
		{variable: "OTEL_EXPORTER_OTLP_ENDPOINT", value: "canary:4318"},
	} {
		env := onItsOwn(t).with(c.with).with(environment{c.variable: c.value})
		code, stdout, stderr := runCommand(t, env, "serve")
		if code != exitUsage || stdout != "" || !strings.HasPrefix(stderr, c.variable+": must be ") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s=%s: exit code %d, %q, %q", c.variable, c.value, code, stdout, stderr)
		}
		if strings.Contains(stderr, "canary") {
			t.Errorf("%s: a value is told: %s", c.variable, stderr)
		}
		if _, err := os.Stat(env["DATA_DIR"]); !os.IsNotExist(err) {
			t.Errorf("%s=%s made %s", c.variable, c.value, env["DATA_DIR"])
		}
	}
}

// TestConfiguration_SecretFiles starts a server of which every secret is in a file.
func TestConfiguration_SecretFiles(t *testing.T) {
	t.Parallel()
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	env := onItsOwn(t).with(environment{
		"ENVIRONMENT": "prod", "ARGON2_MEMORY_KIB": "7168", "DATABASE_URL_FILE": file(storetest.PostgreSQL(t)), "JWT_SECRET": "",
		"JWT_SECRET_FILE": file("9f1c2ab07d3e48c5a6b1d0e7f8c3b2a4\n"), "ADMIN_BOOTSTRAP_PASSWORD_FILE": file("correct horse battery\r\n"),
	})
	p := start(t, env, "serve")
	p.app(t).Login(t, "admin@example.com", "correct horse battery")
	p.stop(t)
	_, _, stderr := runCommand(t, env.with(environment{"JWT_SECRET": "canary"}), "serve")
	if want := "JWT_SECRET_FILE: must not be set beside JWT_SECRET\n"; stderr != want {
		t.Errorf("both set: %q, want %q", stderr, want)
	}
	canary := env.with(environment{"DATABASE_URL_FILE": file("postgres://canary:canary@db/app?sslmode=canary")})
	code, _, stderr := runCommand(t, canary, "serve")
	if code != exitUsage || !strings.HasPrefix(stderr, "DATABASE_URL_FILE: its text must be what") || strings.Contains(stderr, "canary") {
		t.Errorf("a URL that pgx refuses: exit code %d, %q", code, stderr)
	}
}

// TestConfiguration_UnknownVariables checks that variables that look like settings are named, never their values, and stop
// nothing.
func TestConfiguration_UnknownVariables(t *testing.T) {
	t.Parallel()
	env := onItsOwn(t).with(environment{"DB_SSLMODE": "canary", "JWT_SECERT": "canary", "OLLAMA_HOST": "canary", "LOG_LEVEL": "warn"})
	code, _, stderr := runCommand(t, env, "migrate")
	if code != exitOK || strings.Count(stderr, "\n") != 2 || !strings.Contains(stderr, `"variable":"DB_SSLMODE","similar":""`) ||
		!strings.Contains(stderr, `"variable":"JWT_SECERT","similar":"JWT_SECRET"`) || strings.Contains(stderr, "canary") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"help"}, {"--help"}, {"-h"}, {"serve", "--help"}, {"help", "serve"}} {
		code, stdout, _ := runCommand(t, environment{"DB_PORT": "wrong, and no matter"}, args...)
		for _, v := range config.Vars() {
			if !strings.Contains(stdout, "  "+v.Name+" ") {
				t.Errorf("%v does not tell of %s", args, v.Name)
			}
		}
		for _, command := range []string{"serve", "dev", "migrate", "seed", "healthcheck", "version", "help", "--no-frontend"} {
			if !strings.Contains(stdout, "  "+command) {
				t.Errorf("%v does not tell of %s", args, command)
			}
		}
		if code != exitOK {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
	v := mustRun(t, nil, "version")
	if !strings.HasPrefix(v, "paddock ") || strings.Count(v, "\n") != 1 || v != mustRun(t, nil, "--version") {
		t.Errorf("version %q", v)
	}
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	server := start(t, onItsOwn(t), "serve")
	addr := strings.TrimPrefix(server.url(t), "http://")
	_, port, _ := net.SplitHostPort(addr)
	for _, listen := range []string{addr, ":" + port, "0.0.0.0:" + port} {
		if code, _, stderr := runCommand(t, environment{"LISTEN_ADDR": listen}, "healthcheck"); code != exitOK {
			t.Errorf("%s: exit code %d, %s", listen, code, stderr)
		}
	}
	server.stop(t)
	if code, _, stderr := runCommand(t, environment{"LISTEN_ADDR": addr}, "healthcheck"); code != exitFailed || stderr == "" {
		t.Errorf("without a server: exit code %d, %s", code, stderr)
	}
}
