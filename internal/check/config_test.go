package check_test

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/paddock-gate/paddock/internal/check"
	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// vars are environment variables.
type vars map[string]string

// complete is an environment of which all is right, in prod.
func complete(t *testing.T, database string) vars {
	t.Helper()
	return vars{
		"ENVIRONMENT": "prod", "DATABASE_URL": database, "DATA_DIR": t.TempDir(), "JWT_SECRET": "9f1c2ab07d3e48c5a6b1d0e7f8c3b2a4",
		"OLLAMA_BASE_URL": ollamatest.Start(t).URL, "DEFAULT_CHAT_MODEL": "tiny-chat", "DEFAULT_EMBED_MODEL": "tiny-embed",
		"TRUSTED_PROXIES": "10.0.0.1", "METRICS_ADDR": "127.0.0.1:9090",
	}
}

// checkConfig checks an environment and returns the lines. It fails the test when a secret is in them.
func checkConfig(t *testing.T, env vars) (lines string, ok bool) {
	t.Helper()
	cfg, err := config.Load(func(name string) string { return env[name] })
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	var out strings.Builder
	ok = check.Config(t.Context(), &out, cfg, err, config.FindUnknown(environ))
	lines = out.String()
	if s := env["JWT_SECRET"]; s != "" && strings.Contains(lines, s) || strings.Contains(lines, "canary") {
		t.Errorf("a secret is printed:\n%s", lines)
	}
	return lines, ok
}

func TestConfig_AllPass(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		lines, ok := checkConfig(t, complete(t, url))
		if !ok || strings.Contains(lines, "FAIL") || strings.Contains(lines, "skip") || strings.Count(lines, "\n") != 14 {
			t.Errorf("%t\n%s", ok, lines)
		}
	})
}

// TestConfig_NothingMade checks that the check makes neither the embedded database nor its folder.
func TestConfig_NothingMade(t *testing.T) {
	t.Parallel()
	env := complete(t, "")
	parent := t.TempDir()
	env["DATA_DIR"] = filepath.Join(parent, "new", "data")
	lines, ok := checkConfig(t, env)
	if !ok || !strings.Contains(lines, "not there yet") {
		t.Errorf("%t\n%s", ok, lines)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestConfig_EachFailing(t *testing.T) {
	t.Parallel()
	embedded := storetest.SQLite(t)
	base := complete(t, embedded)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	postgres := storetest.PostgreSQL(t)
	for name, c := range map[string]struct {
		env  vars
		want string // a line's pattern
	}{
		"unknown":             {vars{"DB_SSLMODE": "canary"}, `warn  variables .*DB_SSLMODE has no effect`},
		"similar":             {vars{"JWT_SECERT": "canary"}, `warn  variables .*JWT_SECERT has no effect.*; JWT_SECRET is one`},
		"one fault":           {vars{"DB_PORT": "canary"}, `FAIL  settings .*DB_PORT: must be a whole`},
		"another fault":       {vars{"DB_PORT": "canary", "LOG_LEVEL": "x"}, `FAIL  settings .*LOG_LEVEL: must be debug`},
		"secret too short":    {vars{"JWT_SECRET": "short of it"}, `FAIL  settings .*JWT_SECRET: must be at least 32`},
		"local":               {vars{"ENVIRONMENT": "local"}, `warn  environment .*ENVIRONMENT is local`},
		"local secret":        {vars{"ENVIRONMENT": "local", "JWT_SECRET": ""}, `warn  secrets .*JWT_SECRET is not set`},
		"guessable password":  {vars{"DATABASE_URL": "", "DB_HOST": "127.0.0.1", "DB_PORT": "1"}, `FAIL  secrets .*the database's password`},
		"folder is a file":    {vars{"DATABASE_URL": "", "DATA_DIR": file}, `FAIL  data folder .*DATA_DIR: .* is no folder`},
		"folder below a file": {vars{"DATABASE_URL": "sqlite://" + file + "/x/paddock.db"}, `FAIL  data folder .*not a directory`},
		"no proxy":            {vars{"TRUSTED_PROXIES": ""}, `warn  proxies .*TRUSTED_PROXIES is not set`},
		"every proxy":         {vars{"TRUSTED_PROXIES": "10.0.0.0/8,::/0"}, `FAIL  proxies .*names everybody`},
		"plain origin":        {vars{"CORS_ALLOWED_ORIGINS": "https://a.example,http://b.example"}, `FAIL  origins .*http://b.example comes without TLS`},
		"plain page":          {vars{"VITE_API_BASE": "http://b.example/x"}, `FAIL  origins .*VITE_API_BASE`},
		"local origins":       {vars{"CORS_ALLOWED_ORIGINS": "http://localhost:*,http://127.0.0.1:5173,app://x"}, `ok    origins .*names 3`},
		"open metrics":        {vars{"METRICS_ADDR": ""}, `warn  metrics .*METRICS_ADDR is not set`},
		"database away":       {vars{"DATABASE_URL": "postgres://u:canary1234@127.0.0.1:1/app"}, `FAIL  database .*connection refused`},
		"schema behind":       {vars{"DATABASE_URL": storetest.EmptyPostgreSQL(t)}, `FAIL  schema .*run .paddock migrate.`},
		"schema migrated":     {vars{"DATABASE_URL": storetest.EmptyPostgreSQL(t), "AUTO_MIGRATE": "true"}, `ok    schema .*the start migrates it`},
		"owner":               {vars{"DATABASE_URL": postgres}, `warn  role .*it can change the schema`},
		"clock":               {vars{"DATABASE_URL": slowClock(t, postgres)}, `FAIL  clock .*it is 1h0m0s from the database's`},
		"Ollama away":         {vars{"OLLAMA_BASE_URL": base["OLLAMA_BASE_URL"] + ",http://127.0.0.1:1"}, `FAIL  ollama .*OLLAMA_BASE_URL: 127.0.0.1:1: `},
		"no chat model":       {vars{"DEFAULT_CHAT_MODEL": "nope"}, "FAIL  models .*DEFAULT_CHAT_MODEL: `ollama pull nope`"},
		"no embedding model":  {vars{"DEFAULT_EMBED_MODEL": "nope"}, "FAIL  models .*DEFAULT_EMBED_MODEL: `ollama pull nope`"},
	} {
		env := maps.Clone(base)
		maps.Copy(env, c.env)
		lines, ok := checkConfig(t, env)
		if !regexp.MustCompile(`(?m)^`+c.want).MatchString(lines) || ok == strings.HasPrefix(c.want, "FAIL") {
			t.Errorf("%s: %t, want %s\n%s", name, ok, c.want, lines)
		}
	}
}

// slowClock returns the URL of the database with a clock that is an hour late.
func slowClock(t *testing.T, database string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	const slow = `CREATE SCHEMA slow;
		CREATE FUNCTION slow.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() - interval '1 hour' $$`
	if _, err := conn.Exec(t.Context(), slow); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", "slow,public,pg_catalog")
	u.RawQuery = q.Encode()
	return u.String()
}

// TestConfig_DatabaseInUse checks the embedded database of a server that runs.
func TestConfig_DatabaseInUse(t *testing.T) {
	t.Parallel()
	database := storetest.SQLite(t)
	storetest.Open(t, database)
	lines, ok := checkConfig(t, complete(t, database))
	if !ok || !strings.Contains(lines, "warn  database") {
		t.Errorf("%t\n%s", ok, lines)
	}
}

// TestConfig_OwnRole checks the role of deploy/postgres/roles.sql.
func TestConfig_OwnRole(t *testing.T) {
	t.Parallel()
	database := storetest.NewCluster(t).Database(t)
	roles, err := os.ReadFile("../../deploy/postgres/roles.sql")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), string(roles)); err != nil {
		t.Fatal(err)
	}
	for role, want := range map[string]string{"paddock_app": "ok    role          it can change neither", "paddock_migrate": "warn  role          it can"} {
		lines, ok := checkConfig(t, complete(t, strings.Replace(database, "postgres@", role+"@", 1)))
		if !ok || !strings.Contains(lines, want) {
			t.Errorf("%s: %t\n%s", role, ok, lines)
		}
	}
}
