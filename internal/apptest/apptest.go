// Package apptest starts the whole server for tests: a real one, over real HTTP, on a database of its own and with a test
// Ollama behind it.
package apptest

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"testing"

	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/bootstrap"
	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/server"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// What the first admin of every App signs in with.
const (
	AdminEmail    = "admin@example.com"
	AdminPassword = "correct horse battery"
)

// App is a running server with a first admin.
type App struct {
	URL      string // "http://127.0.0.1:PORT"
	Store    *store.Store
	Hasher   *secret.Hasher
	Upstream *ollamatest.Server
	AdminKey string // the first admin's API key
	Database string // URL
	Log      io.Writer
	env      map[string]string
	servers  *[]*server.Server // of all replicas
	stop     func() error
}

// Env are environment variables that differ from what Start sets.
type Env map[string]string

// Each runs the test on both databases, each with a server of its own.
func Each(t *testing.T, test func(t *testing.T, a *App)) {
	t.Helper()
	EachWith(t, nil, test)
}

// EachWith is Each with other settings.
func EachWith(t *testing.T, env Env, test func(t *testing.T, a *App)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, url string) { test(t, Start(t, url, env)) })
}

// Start starts a server on a migrated database until the test ends. Its settings are the defaults, except that hashes are
// cheap, no request limit holds, calls do not wait for others, and nothing is logged unless PADDOCK_TEST_LOG is set.
func Start(t testing.TB, databaseURL string, env Env) *App {
	t.Helper()
	log := io.Discard
	if os.Getenv("PADDOCK_TEST_LOG") != "" {
		log = os.Stderr
	}
	return StartLogged(t, databaseURL, env, log)
}

// StartLogged is Start with a log, which is written to at LOG_LEVEL until the server has ended.
func StartLogged(t testing.TB, databaseURL string, env Env, log io.Writer) *App {
	t.Helper()
	upstream := ollamatest.Start(t)
	a := &App{Database: databaseURL, Upstream: upstream, Log: log, servers: new([]*server.Server)}
	a.env = map[string]string{
		"DATABASE_URL":          databaseURL,
		"DATA_DIR":              t.TempDir(),
		"JWT_SECRET":            "9f1c2ab07d3e48c5a6b1d0e7f8c3b2a4",
		"OLLAMA_BASE_URL":       upstream.URL,
		"ARGON2_MEMORY_KIB":     "64",
		"ARGON2_TIME":           "1",
		"RATE_LIMIT_PER_MINUTE": "0",
		"OLLAMA_MAX_INFLIGHT":   "0",
	}
	maps.Copy(a.env, env)
	a.start(t)
	return a
}

// Replica starts another server with the same settings on the same database, which must be PostgreSQL.
func (a *App) Replica(t testing.TB) *App {
	t.Helper()
	other := &App{Database: a.Database, Upstream: a.Upstream, AdminKey: a.AdminKey, Log: a.Log, env: a.env, servers: a.servers}
	other.start(t)
	return other
}

func (a *App) start(t testing.TB) {
	t.Helper()
	cfg, err := config.Load(func(name string) string { return a.env[name] })
	if err != nil {
		t.Fatal(err)
	}
	a.Store, err = store.Open(t.Context(), cfg.Database.URL.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	log := audit.Open(a.Store)
	a.Hasher = secret.NewHasher(secret.Params{
		MemoryKiB: cfg.Argon2.MemoryKiB, Time: cfg.Argon2.Time, Parallelism: cfg.Argon2.Parallelism,
	}, 0)
	made, err := bootstrap.Seed(t.Context(), a.Store, log, a.Hasher, bootstrap.Admin{Email: AdminEmail, Password: AdminPassword})
	if err != nil {
		t.Fatal(err)
	}
	if made.APIKey != "" {
		a.AdminKey = made.APIKey
	}
	logger := slog.New(slog.NewJSONHandler(a.Log, &slog.HandlerOptions{Level: cfg.LogLevel}))
	srv, err := server.New(t.Context(), cfg, a.Store, log, a.Hasher, logger, server.Options{
		Secrets: [][]byte{[]byte(a.env["JWT_SECRET"])}, AuditKey: auditKey(t, cfg),
	})
	if err != nil {
		t.Fatal(err)
	}
	*a.servers = append(*a.servers, srv)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a.URL = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx, listener) }()
	stopped := false
	a.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		// Connections that a client has opened and not used yet would be waited for.
		http.DefaultClient.CloseIdleConnections()
		http2Client.CloseIdleConnections()
		cancel()
		err := <-ended
		if closeErr := a.Store.Close(); err == nil {
			err = closeErr
		}
		return err
	}
	t.Cleanup(func() {
		if err := a.stop(); err != nil {
			t.Errorf("stop server: %v", err)
		}
	})
}

// Unsettled returns how many model calls of all replicas are not settled in the database yet.
func (a *App) Unsettled() int {
	n := 0
	for _, srv := range *a.servers {
		n += srv.Unsettled()
	}
	return n
}

func auditKey(t testing.TB, cfg config.Config) *checkpoint.Key {
	t.Helper()
	text, err := cfg.MakeAuditKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := checkpoint.NewKey(text.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Stop ends the server as SIGTERM does, and waits until it has ended.
func (a *App) Stop() error { return a.stop() }
