package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// waitForPort waits until somebody listens there.
func waitForPort(t *testing.T, addr string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// startLocked starts a server that waits for the lock on migrations, which the connection holds as another replica does that migrates.
func startLocked(t *testing.T) (p *process, addr string, other *pgx.Conn) {
	t.Helper()
	url := storetest.PostgreSQL(t)
	var err error
	other, err = pgx.Connect(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { other.Close(context.Background()) })
	_, err = other.Exec(t.Context(), `SELECT pg_advisory_lock($1)`, 0xa02049d8) // of Atlas's command line
	must(t, err)
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr = reserved.Addr().String()
	must(t, reserved.Close())
	return start(t, onItsOwn(t).with(environment{"DATABASE_URL": url, "LISTEN_ADDR": addr, "AUTO_MIGRATE": "true"}), "serve"), addr, other
}

// TestServe_WaitsForMigration holds the lock on migrations, as another replica does that migrates, or a session of a pooler that has
// kept it: the server says so, answers probes meanwhile, and serves as soon as it can.
func TestServe_WaitsForMigration(t *testing.T) {
	t.Parallel()
	p, addr, other := startLocked(t)

	waitForPort(t, addr)
	var checks sync.WaitGroup
	for _, c := range []struct {
		method, path string
		status       int
		body         string
	}{
		{http.MethodGet, "/healthz", http.StatusOK, `"status":"ok"`},
		{http.MethodGet, "/readyz", http.StatusServiceUnavailable, `"serving":"starting"`},
		{http.MethodPost, "/paddock.v1.AuthService/WhoAmI", http.StatusServiceUnavailable, "DATABASE_UNAVAILABLE"},
		{http.MethodPost, "/v1/chat/completions", http.StatusServiceUnavailable, "DATABASE_UNAVAILABLE"},
		{http.MethodGet, "/api/tags", http.StatusServiceUnavailable, "starting"},
		{http.MethodGet, "/", http.StatusServiceUnavailable, "starting"},
	} {
		checks.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+addr+c.path, strings.NewReader("{}"))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Errorf("%s: %v", c.path, err)
				return
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != c.status || !strings.Contains(string(text), c.body) {
				t.Errorf("%s: %d %s, %v, want %d and %s", c.path, res.StatusCode, text, err, c.status, c.body)
			}
			if got := res.Header.Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("%s: X-Content-Type-Options %q", c.path, got)
			}
			if call := c.status != http.StatusOK && c.path != "/readyz"; call && res.Header.Get("Retry-After") != "1" {
				t.Errorf("%s: Retry-After %q", c.path, res.Header.Get("Retry-After"))
			}
		})
	}
	checks.Wait()
	const said = `"for":"another program to end its migration of the database"`
	for deadline := time.Now().Add(patience); !strings.Contains(p.stderr.String(), said); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not say what it waits for:\n%s", p.stderr.String())
		}
	}
	waited := make(chan int, 1)
	go func() { waited <- get("http://" + addr + "/api/tags") }()
	time.Sleep(200 * time.Millisecond)
	must(t, other.Close(t.Context()))
	if status := <-waited; status != http.StatusUnauthorized {
		t.Errorf("a call that has waited: %d", status)
	}
	if got := body(t, p.url(t)+"/readyz"); !strings.Contains(got, `"status":"ready"`) {
		t.Errorf("/readyz: %s", got)
	}
	p.stop(t)
}

// TestServe_StartFails: a call that has waited for a start that fails is refused, and not cut off.
func TestServe_StartFails(t *testing.T) {
	t.Parallel()
	p, addr, _ := startLocked(t)
	waitForPort(t, addr)
	for deadline := time.Now().Add(patience); get("http://"+addr+"/healthz") != http.StatusOK; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not answer while it starts")
		}
	}
	waited := make(chan *http.Response, 1)
	go func() {
		defer close(waited)
		res, err := http.Get("http://" + addr + "/api/tags")
		if err != nil {
			t.Error(err)
			return
		}
		res.Body.Close()
		waited <- res
	}()
	time.Sleep(200 * time.Millisecond)
	must(t, p.Process.Signal(os.Interrupt))
	if res := <-waited; res != nil && (res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "1") {
		t.Errorf("a call that has waited: %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
	}
	if code := p.code(t); code == 0 {
		t.Errorf("exit code %d\n%s", code, p.stderr.String())
	}
}
