package storetest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const pgbouncerConfig = `
[databases]
* = host=%[1]s port=5432
[pgbouncer]
unix_socket_dir = %[2]s
unix_socket_mode = 0777
listen_addr =
listen_port = 6432
auth_type = trust
auth_file = %[2]s/users
pool_mode = transaction
max_client_conn = 200
default_pool_size = 10
%[3]s
`

// PgBouncer starts a PgBouncer in transaction mode in front of the cluster, with settings beside its own ("pool_mode = session"), and
// returns what makes a URL of the cluster one that goes through it. It skips the test where there is no PgBouncer.
func (c *Cluster) PgBouncer(t testing.TB, settings string) (through func(url string) string) {
	t.Helper()
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		if bin, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			t.Skip("behind PgBouncer: not run: there is none: scripts/ensure-pgbouncer installs it")
		}
	}
	dir, err := os.MkdirTemp(c.dir, "pgbouncer-") //nolint:usetesting // another user must reach it
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "pgbouncer.ini")
	for path, content := range map[string]string{
		config:                      fmt.Sprintf(pgbouncerConfig, c.dir, dir, settings),
		filepath.Join(dir, "users"): `"postgres" ""`,
	} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil { //nolint:gosec // another user reads it
			t.Fatal(err)
		}
	}
	if c.owner != nil {
		if err := os.Chown(dir, int(c.owner.Uid), int(c.owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	server := c.command(context.WithoutCancel(t.Context()), bin, "-q", config)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	through = func(of string) string {
		u, err := url.Parse(of)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set("host", dir)
		q.Set("port", "6432")
		u.RawQuery = q.Encode()
		return u.String()
	}
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		conn, err := pgx.Connect(t.Context(), through(c.url()))
		if err == nil {
			conn.Close(t.Context())
			return through
		}
		if time.Now().After(deadline) {
			t.Fatalf("PgBouncer does not answer: %v", err)
		}
	}
}
