package main

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// image is what the Dockerfile's last stage makes: a root with nothing in it but the program and an empty /data.
type image struct {
	root, data string
	env        environment // its ENV
}

// enter mounts a root so that nothing can be written to it but /data, and runs the program in it as the image's user.
const enter = `
root=$1 data=$2; shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --bind "$data" "$root/data"
exec chroot --userspec=65532:65532 "$root" /usr/local/bin/paddock "$@"`

// newImage makes an image, as far as that goes without a container engine.
func newImage(t *testing.T) image {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "unshare", "--mount", "chroot", "--userspec=65532:65532", "/", "true").CombinedOutput(); err != nil {
		t.Skipf("image: not run: that needs root and mounts of its own: %v %s", err, out)
	}
	dockerfile, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	i := image{t.TempDir(), t.TempDir(), environment{}}
	for _, line := range regexp.MustCompile(`(?m)^ENV (.*)$`).FindAllSubmatch(dockerfile, -1) {
		for pair := range strings.FieldsSeq(string(line[1])) {
			name, value, _ := strings.Cut(pair, "=")
			i.env[name] = value
		}
	}
	bin := filepath.Join(i.root, "usr", "local", "bin")
	program, err := os.ReadFile(built)
	if err == nil {
		err = os.MkdirAll(bin, 0o755) //nolint:gosec // as in an image
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(bin, "paddock"), program, 0o755) //nolint:gosec // likewise
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(i.root, "data"), 0o700)
	}
	for _, dir := range []string{i.data, filepath.Join(i.root, "data")} {
		if err == nil {
			err = os.Chown(dir, 65532, 65532)
		}
	}
	for dir := i.root; err == nil && dir != os.TempDir(); dir = filepath.Dir(dir) { // which the user must get through
		err = os.Chmod(dir, 0o755) //nolint:gosec // likewise
	}
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// start starts the program in the image. An empty data folder is the image's own, which cannot be written to.
func (i image) start(t *testing.T, data string, env environment, args ...string) *process {
	t.Helper()
	if data == "" {
		data = filepath.Join(i.root, "data")
	}
	args = append([]string{"--mount", "sh", "-euc", enter, "enter", i.root, data}, args...)
	return startProgram(t, "unshare", i.env.with(env), args...)
}

// answer returns what a server answers to a GET.
func answer(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// overTCP returns a URL of the same database at a port of this machine: from the image no socket in a folder can be reached.
func overTCP(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	dir := query.Get("host")
	if dir == "" {
		return database
	}
	socket := filepath.Join(dir, ".s.PGSQL."+query.Get("port"))
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				server, err := new(net.Dialer).Dial("unix", socket)
				if err != nil {
					return
				}
				defer server.Close()
				go io.Copy(server, client) //nolint:errcheck // either end may close
				_, _ = io.Copy(client, server)
			}()
		}
	}()
	query.Del("host")
	query.Del("port")
	u.Host, u.RawQuery = listener.Addr().String(), query.Encode()
	return u.String()
}

// TestImage: in an empty root that cannot be written to, as a user who is nobody there, the program migrates, serves and stops.
func TestImage(t *testing.T) {
	t.Parallel()
	i := newImage(t)
	prod := environment{
		"LISTEN_ADDR": "127.0.0.1:0", "OLLAMA_BASE_URL": "http://127.0.0.1:1", "LOG_FORMAT": "json",
		"JWT_SECRET": "5d1b7f3c90ae4826b7c1d05f3e9a8c64", "SHUTDOWN_DELAY": "0s",
	}
	serve := func(t *testing.T, data string, env environment) {
		t.Helper()
		server := i.start(t, data, env, "serve")
		url := server.url(t)
		if got := answer(t, url+"/readyz"); !strings.HasPrefix(got, `{"status":"ready"`) {
			t.Errorf("/readyz: %s", got)
		}
		health := i.start(t, data, env.with(environment{"LISTEN_ADDR": strings.TrimPrefix(url, "http://")}), "healthcheck")
		if code := health.code(t); code != exitOK {
			t.Errorf("healthcheck: exit code %d, %s", code, health.stderr.String())
		}
		server.stop(t)
	}

	t.Run("postgres", func(t *testing.T) {
		env := prod.with(environment{"DATABASE_URL": overTCP(t, storetest.EmptyPostgreSQL(t))})
		migrate := i.start(t, "", env, "migrate")
		if code := migrate.code(t); code != exitOK {
			t.Fatalf("migrate: exit code %d, %s", code, migrate.stderr.String())
		}
		serve(t, "", env)
	})
	t.Run("embedded", func(t *testing.T) {
		serve(t, i.data, prod)
		if _, err := os.Stat(filepath.Join(i.data, "paddock.db")); err != nil {
			t.Error(err)
		}
	})
	t.Run("cannot be written to", func(t *testing.T) {
		server := i.start(t, i.data, prod.with(environment{"DATA_DIR": "/elsewhere"}), "serve")
		if code := server.code(t); code != exitFailed || !strings.Contains(server.stderr.String(), "read-only file system") {
			t.Errorf("exit code %d, %s", code, server.stderr.String())
		}
	})
}
