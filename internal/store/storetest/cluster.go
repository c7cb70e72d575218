package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// startTimeout bounds the start of a server that is alone on a busy machine.
const startTimeout = 30 * time.Second

// folderPrefix begins the names of the servers' folders in os.TempDir.
const folderPrefix = "paddock-postgres-"

// durabilityOff are the server settings that trade what a test never needs, surviving a power cut, for speed.
var durabilityOff = []string{"fsync=off", "synchronous_commit=off", "full_page_writes=off"}

// watchdog ends the server and removes its folder ($0) once the process that holds its standard input is gone, however
// that went: a panic, a time-out, kill -9.
const watchdog = `
cat >/dev/null
if pid=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null); then
	kill -QUIT "$pid"
	tries=0
	while [ $tries -lt 100 ] && kill -0 "$pid" 2>/dev/null; do sleep 0.1; tries=$((tries + 1)); done
fi
rm -rf "$0"
`

// Cluster is a throwaway PostgreSQL server, reached by a unix socket in a folder of its own.
type Cluster struct {
	bin      string
	dir      string // holds the data, the socket and the log
	settings []string
	owner    *syscall.Credential // nil: whoever runs the test
	leash    io.Closer           // the watchdog's standard input
	watchdog *exec.Cmd
	server   *exec.Cmd
	exited   chan struct{} // closed when server has ended
}

// NewCluster starts a server of the test's own, for tests that stop it. Settings ("fsync=on") come after the fast and
// forgetful ones that are used otherwise.
func NewCluster(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c, err := startCluster(t.Context(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

// Database returns the URL of a migrated database in the cluster.
func (c *Cluster) Database(t testing.TB) string {
	t.Helper()
	s := &server{url: c.url()}
	template, err := s.migrated(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	url, _, err := s.create(t.Context(), template) // goes with the cluster
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// EmptyDatabase returns the URL of a database without tables in the cluster, as its superuser.
func (c *Cluster) EmptyDatabase(t testing.TB) string {
	t.Helper()
	url, _, err := (&server{url: c.url()}).create(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func (c *Cluster) url() string {
	q := url.Values{"host": {c.dir}, "port": {"5432"}, "sslmode": {"disable"}}
	return "postgres://postgres@/postgres?" + q.Encode()
}

func startCluster(ctx context.Context, settings ...string) (*Cluster, error) {
	bin, err := serverBinaries()
	if err != nil {
		return nil, err
	}
	removeStale()
	dir, err := os.MkdirTemp("", folderPrefix)
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin, dir: dir, settings: slices.Concat(durabilityOff, settings)}
	if err := c.init(ctx); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// removeStale removes what is left where the watchdog was killed as well. No test takes a day.
func removeStale() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*"))
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			os.RemoveAll(dir)
		}
	}
}

func (c *Cluster) init(ctx context.Context) (err error) {
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		if c.owner, err = unprivileged(); err != nil {
			return err
		}
		if err := os.Chown(c.dir, int(c.owner.Uid), int(c.owner.Gid)); err != nil {
			return err
		}
	}
	initdb := c.command(ctx, filepath.Join(c.bin, "initdb"), "-D", c.data(), "-U", "postgres", "-A", "trust",
		"--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C.UTF-8")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return c.watch()
}

// watch starts the watchdog.
func (c *Cluster) watch() (err error) {
	c.watchdog = c.command(context.Background(), "/bin/sh", "-c", watchdog, c.dir)
	if c.leash, err = c.watchdog.StdinPipe(); err != nil {
		return err
	}
	return c.watchdog.Start()
}

// Start starts the server and waits until it answers.
func (c *Cluster) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	logPath := filepath.Join(c.dir, "log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"-D", c.data(), "-k", c.dir, "-p", "5432"}
	for _, s := range slices.Concat([]string{"listen_addresses=", "max_connections=300", "shared_buffers=64MB"}, c.settings) {
		args = append(args, "-c", s)
	}
	c.server = c.command(context.Background(), filepath.Join(c.bin, "postgres"), args...)
	c.server.Stdout, c.server.Stderr = log, log
	if err := c.server.Start(); err != nil {
		return err
	}
	c.exited = make(chan struct{})
	go func(server *exec.Cmd, exited chan struct{}) {
		_ = server.Wait() // the log tells more
		close(exited)
	}(c.server, c.exited)
	for {
		conn, err := pgx.Connect(ctx, c.url())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-c.exited:
			out, _ := os.ReadFile(logPath)
			return fmt.Errorf("postgres ended at once:\n%s", out)
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w", err)
		}
	}
}

// Stop ends the server as an operator would (fast shutdown): running transactions are rolled back, clients are cut off.
func (c *Cluster) Stop() error { return c.end(syscall.SIGINT) }

// Crash ends the server in the middle of what it does (immediate shutdown). It recovers when it is started again. Durability needs
// "synchronous_commit=on" then.
func (c *Cluster) Crash() error { return c.end(syscall.SIGQUIT) }

func (c *Cluster) end(by syscall.Signal) error {
	if err := c.server.Process.Signal(by); err != nil {
		return err
	}
	<-c.exited
	return nil
}

// Standby starts a read-only copy of the cluster that follows it.
func (c *Cluster) Standby(t testing.TB) *Cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", folderPrefix) //nolint:usetesting // another user must reach it
	if err != nil {
		t.Fatal(err)
	}
	s := &Cluster{bin: c.bin, dir: dir, settings: c.settings, owner: c.owner}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if c.owner != nil {
		if err := os.Chown(dir, int(c.owner.Uid), int(c.owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	copied := s.command(t.Context(), filepath.Join(c.bin, "pg_basebackup"), "-D", s.data(), "-h", c.dir, "-p", "5432", "-U", "postgres", "-R", "--checkpoint=fast", "--no-sync")
	if out, err := copied.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	if err := s.watch(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// Promote makes a standby a server of its own, as in a failover.
func (c *Cluster) Promote(t testing.TB) {
	t.Helper()
	promoted := c.command(t.Context(), filepath.Join(c.bin, "pg_ctl"), "promote", "-w", "-D", c.data())
	if out, err := promoted.CombinedOutput(); err != nil {
		t.Fatalf("pg_ctl promote: %v\n%s", err, out)
	}
}

// At makes a URL of another cluster one of this.
func (c *Cluster) At(t testing.TB, of string) string {
	t.Helper()
	u, err := url.Parse(of)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("host", c.dir)
	u.RawQuery = q.Encode()
	return u.String()
}

// close ends the server and removes what it left.
func (c *Cluster) close() {
	if err := c.Stop(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = c.server.Process.Kill()
	}
	c.leash.Close()
	_ = c.watchdog.Wait()
}

func (c *Cluster) socket() string { return filepath.Join(c.dir, ".s.PGSQL.5432") }

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// command prepares a process that runs as the cluster's owner and in a process group of its own, so that Ctrl-C reaches
// the test first.
func (c *Cluster) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.owner}
	return cmd
}

// unprivileged is the user that the server runs as when the test runs as root.
func unprivileged() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
