package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func whoAmI(t *testing.T, a *apptest.App, credential string) (*paddockv1.WhoAmIResponse, error) {
	t.Helper()
	return a.As(credential).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
}

// TestServe_EmptyDirectory checks that a first start needs nothing but an empty directory.
func TestServe_EmptyDirectory(t *testing.T) {
	t.Parallel()
	env := onItsOwn(t)
	delete(env, "JWT_SECRET")
	first := start(t, env, "serve")
	a := first.app(t)
	lines := made(first.stdout.String())
	if len(lines) != 3 || strings.Count(first.stdout.String(), "\n") != 3 || lines["BOOTSTRAP_ADMIN_EMAIL"] != "admin@example.com" {
		t.Errorf("stdout %q", first.stdout.String())
	}
	token := a.Login(t, lines["BOOTSTRAP_ADMIN_EMAIL"], lines["BOOTSTRAP_ADMIN_PASSWORD"]).GetAccessToken()
	if _, err := whoAmI(t, a, a.AdminKey); err != nil {
		t.Errorf("bootstrap key: %v", err)
	}
	if info, err := os.Stat(env["DATA_DIR"]); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("DATA_DIR: %v, %v", info.Mode(), err)
	}

	// A second server on the same file has no business there.
	code, stdout, stderr := runCommand(t, env, "serve")
	if code != exitFailed || stdout != "" || !strings.Contains(stderr, "in use by another server") {
		t.Errorf("second server: exit code %d, %q, %q", code, stdout, stderr)
	}
	if _, err := whoAmI(t, a, token); err != nil {
		t.Errorf("the first server suffers: %v", err)
	}
	first.stop(t)

	// What was there is there again, sessions too.
	second := start(t, env, "serve")
	b := &apptest.App{URL: second.url(t)}
	for _, credential := range []string{a.AdminKey, token} {
		if _, err := whoAmI(t, b, credential); err != nil {
			t.Errorf("after a restart: %v", err)
		}
	}
	second.stop(t)
	if second.stdout.String() != "" {
		t.Errorf("second start: stdout %q", second.stdout.String())
	}
}

// TestServe_ForcePassword checks that serve sets the admin's password by force, as seed does; without the force it leaves an
// existing one alone.
func TestServe_ForcePassword(t *testing.T) {
	t.Parallel()
	env := onItsOwn(t)
	mustRun(t, env, "seed")
	other := env.with(environment{"ADMIN_BOOTSTRAP_PASSWORD": "set by force"})
	for _, force := range []string{"", "true", "true"} {
		p := start(t, other.with(environment{"ADMIN_BOOTSTRAP_PASSWORD_FORCE": force}), "serve")
		a := &apptest.App{URL: p.url(t)}
		if p.stdout.String() != "" || strings.Contains(p.stderr.String(), "set by force") {
			t.Errorf("force %q: stdout %q, stderr %q", force, p.stdout.String(), p.stderr.String())
		}
		if force != "" {
			a.Login(t, "admin@example.com", "set by force")
		}
		p.stop(t)
	}
}

// TestServe_ReadinessOfOllama checks that readiness reports whether Ollama answers before the first call that needs it.
func TestServe_ReadinessOfOllama(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(ollamatest.New())
	t.Cleanup(upstream.Close)
	for base, want := range map[string]string{upstream.URL: "ok", "http://127.0.0.1:1": "unavailable"} {
		p := start(t, onItsOwn(t).with(environment{"OLLAMA_BASE_URL": base}), "serve")
		if got := body(t, p.url(t)+"/readyz"); !strings.Contains(got, `"status":"ready"`) || !strings.Contains(got, `"upstream":"`+want+`"`) {
			t.Errorf("%s: %s", base, got)
		}
		p.stop(t)
	}
}

// TestServe_DatabaseUnavailable checks that the reason why the database is unavailable is one line, without the password.
func TestServe_DatabaseUnavailable(t *testing.T) {
	t.Parallel()
	there := storetest.EmptyPostgreSQL(t)
	elsewhere, err := url.Parse(withPassword(t, there, "canary"))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere.Path += "_none"
	inUse := onItsOwn(t)
	start(t, inUse, "serve").url(t)
	for _, c := range []struct {
		env  environment
		want string
	}{
		{onItsOwn(t).with(environment{"DATABASE_URL": elsewhere.String()}), "does not exist"},
		{onItsOwn(t).with(environment{"DATABASE_URL": "postgres://app:canary@localhost:1/app"}), "connection refused"},
		{inUse, "stop that first"},
	} {
		for _, args := range [][]string{{"seed"}, {"migrate", "status"}} {
			code, stdout, stderr := runCommand(t, c.env, args...)
			if code != exitFailed || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.want) ||
				strings.Contains(stderr, "canary") {
				t.Errorf("%v: exit code %d, %q, %q, want %q", args, code, stdout, stderr, c.want)
			}
		}
	}
}

// TestServe_ConcurrentReplicas starts two servers on an empty PostgreSQL at once: both come up, and one makes the admin.
func TestServe_ConcurrentReplicas(t *testing.T) {
	t.Parallel()
	for range 3 { // a race may need a second look
		env := onItsOwn(t).with(environment{"DATABASE_URL": storetest.EmptyPostgreSQL(t), "AUTO_MIGRATE": "true"})
		replicas := []*process{start(t, env, "serve"), start(t, env, "serve")}
		key := bootstrapKey(t, replicas...)
		for _, r := range replicas {
			a := &apptest.App{URL: r.url(t), AdminKey: key}
			if got := len(a.Entries(t, "bootstrap")); got != 1 {
				t.Errorf("%d bootstrap entries", got)
			}
		}
		// What one revokes, the other refuses.
		one, other := &apptest.App{URL: replicas[0].url(t), AdminKey: key}, &apptest.App{URL: replicas[1].url(t), AdminKey: key}
		p := one.NewPerson(t)
		if _, err := whoAmI(t, other, p.Key); err != nil {
			t.Errorf("a key of one replica at the other: %v", err)
		}
		if _, err := one.Admin().Credentials.RevokeCredential(t.Context(), &paddockv1.RevokeCredentialRequest{Id: p.KeyID}); err != nil {
			t.Error(err)
		}
		if _, err := whoAmI(t, other, p.Key); apptest.Reason(err) != "UNAUTHENTICATED" {
			t.Errorf("revoked at one replica, at the other: %v", err)
		}
		lines := 0
		for _, r := range replicas {
			r.stop(t)
			lines += strings.Count(r.stdout.String(), "\n")
		}
		if lines != 3 {
			t.Errorf("%d BOOTSTRAP lines of both, want 3:\n%s\n%s", lines, replicas[0].stdout.String(), replicas[1].stdout.String())
		}
	}
}

// future is a migration that this program does not know.
const future = "INSERT INTO atlas_schema_revisions SELECT '29990101000000', 'future', type, applied, total, executed_at," +
	" execution_time, error, error_stmt, 'h1:x', partial_hashes, operator_version FROM atlas_schema_revisions LIMIT 1"

// TestServe_IncompatibleSchema checks that a server refuses to start on a schema that does not fit, and says what to do.
func TestServe_IncompatibleSchema(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, url, want string
		sql             string
	}{
		{"behind", storetest.EmptyPostgreSQL(t), "run `paddock migrate`", ""},
		{"behind, embedded", storetest.EmptySQLite(t), "run `paddock migrate`", ""},
		{"ahead", storetest.PostgreSQL(t), "newer", future},
		{"ahead, embedded", storetest.SQLite(t), "newer", future},
	} {
		env := onItsOwn(t).with(environment{"DATABASE_URL": c.url, "AUTO_MIGRATE": "false"})
		if c.sql != "" {
			execute(t, c.url, c.sql)
		}
		for _, command := range []string{"serve", "seed"} {
			code, stdout, stderr := runCommand(t, env, command)
			if code != exitFailed || stdout != "" || !strings.Contains(stderr, c.want) || !strings.Contains(stderr, "paddock") {
				t.Errorf("%s, %s: exit code %d, %q, %q", c.name, command, code, stdout, stderr)
			}
		}
	}
}

// TestServe_SIGTERM checks that SIGTERM ends a server in order although a stream runs; a second one, at once.
func TestServe_SIGTERM(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(ollamatest.New())
	t.Cleanup(upstream.Close)
	p := start(t, onItsOwn(t).with(environment{"OLLAMA_BASE_URL": upstream.URL, "SHUTDOWN_DELAY": "1s"}), "serve")
	a := p.app(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := a.Admin().Ollama.Chat(ctx, &paddockv1.ChatRequest{
		Model: "tiny-slow", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}},
	})
	if err != nil || !stream.Receive() {
		t.Fatal(err, stream.Err())
	}
	p.signal(t, syscall.SIGTERM)
	for _, want := range []int{http.StatusServiceUnavailable, 0} { // not ready, and then not there
		for until := time.Now().Add(patience); get(a.URL+"/readyz") != want; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("readyz: no status %d", want)
			}
		}
	}
	if !stream.Receive() {
		t.Fatalf("the stream was cut off: %v", stream.Err())
	}
	select {
	case <-p.ended:
		t.Fatal("ended although a stream runs")
	default:
	}
	began := time.Now()
	p.signal(t, syscall.SIGTERM)
	if code := p.code(t); code == exitOK || time.Since(began) > 10*time.Second {
		t.Errorf("second SIGTERM: exit code %d after %v", code, time.Since(began))
	}
}

// TestServe_AddressInUse checks that a server whose address is in use leaves nothing behind: neither a file, nor a table,
// nor a first admin whose password was never shown.
func TestServe_AddressInUse(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, variable := range []string{"LISTEN_ADDR", "METRICS_ADDR"} {
		for _, command := range []string{"serve", "dev"} {
			for _, database := range []string{"", storetest.EmptyPostgreSQL(t)} {
				env := onItsOwn(t).with(environment{
					variable: taken.Addr().String(), "DATABASE_URL": database, "AUTO_MIGRATE": "true", "LOG_LEVEL": "error",
				})
				code, stdout, stderr := runCommand(t, env, command)
				if code != exitFailed || stdout != "" || !strings.Contains(stderr, "address already in use") {
					t.Errorf("%s, %s: exit code %d, %q, %q", variable, command, code, stdout, stderr)
				}
				if _, err := os.Stat(env["DATA_DIR"]); !os.IsNotExist(err) {
					t.Errorf("%s, %s made %s", variable, command, env["DATA_DIR"])
				}
				if database == "" {
					continue
				}
				if _, status, _ := runCommand(t, environment{"DATABASE_URL": database}, "migrate", "status"); !strings.HasPrefix(status, "schema (none)") {
					t.Errorf("%s, %s left behind: %s", variable, command, status)
				}
			}
		}
	}
}

// TestServe_Prod checks that prod serves what may be shown, and only that.
func TestServe_Prod(t *testing.T) {
	t.Parallel()
	env := onItsOwn(t).with(environment{
		"ENVIRONMENT": "prod", "ARGON2_MEMORY_KIB": "7168", "DATABASE_URL": storetest.PostgreSQL(t),
		"ADMIN_BOOTSTRAP_PASSWORD": "correct horse battery",
	})
	p := start(t, env, "serve")
	a := p.app(t)
	a.Login(t, "admin@example.com", "correct horse battery")
	var h2 http.Protocols
	h2.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: &h2}}
	stream := grpcreflect.NewClient(client, a.URL, connect.WithGRPC()).NewStream(t.Context())
	defer stream.Close()
	if names, err := stream.ListServices(); err == nil {
		t.Errorf("reflection lists %v", names)
	}
	if _, err := a.AsGRPC(a.AdminKey).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); err != nil {
		t.Error(err)
	}
	p.stop(t)
}

// execute runs a statement on a database that no server uses.
func execute(t *testing.T, url, statement string) {
	t.Helper()
	s := storetest.Open(t, url)
	err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := store.Exec(store.WithWrites(ctx), tx, statement)
		return err
	})
	if closed := s.Close(); err != nil || closed != nil {
		t.Fatal(err, closed)
	}
}
