package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
)

// built is the program, built once for all tests.
var built string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "paddock-test-")
	if err != nil {
		panic(err)
	}
	built = filepath.Join(dir, "paddock")
	build := exec.Command("go", "build", "-trimpath", "-o", built, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	status := 1
	if err == nil {
		status = m.Run()
	} else {
		os.Stderr.Write(out)
	}
	os.RemoveAll(dir)
	os.Exit(status)
}

// environment is all that a started program sees.
type environment map[string]string

// with is the environment with others on top.
func (e environment) with(others environment) environment {
	all := maps.Clone(e)
	maps.Copy(all, others)
	return all
}

// onItsOwn is an environment for a program that nothing else shares: an embedded database, any free port, cheap hashes,
// and an Ollama that is not there.
func onItsOwn(t *testing.T) environment {
	t.Helper()
	return environment{
		"DATA_DIR": filepath.Join(t.TempDir(), "data"), "LISTEN_ADDR": "127.0.0.1:0", "LOG_FORMAT": "json",
		"ARGON2_MEMORY_KIB": "64", "ARGON2_TIME": "1", "OLLAMA_BASE_URL": "http://127.0.0.1:1", "RATE_LIMIT_PER_MINUTE": "0",
		"JWT_SECRET": "9f1c2ab07d3e48c5a6b1d0e7f8c3b2a4",
	}
}

// process is a started program.
type process struct {
	*exec.Cmd
	stdout, stderr output
	ended          chan struct{}
}

// start starts the program until the test ends.
func start(t *testing.T, env environment, args ...string) *process {
	t.Helper()
	return startProgram(t, built, env, args...)
}

// startProgram is start for another build of the program.
func startProgram(t *testing.T, path string, env environment, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.Dir = t.TempDir()
	p.Env = []string{"PATH=" + os.Getenv("PATH")}
	for name, value := range env {
		p.Env = append(p.Env, name+"="+value)
	}
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.ended
	})
	return p
}

// patience is for a busy machine.
const patience = 30 * time.Second

// code waits for the program's end and returns its exit code, -1 when a signal ended it.
func (p *process) code(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("%v does not end:\n%s", p.Args[1:], p.stderr.String())
	}
	return p.ProcessState.ExitCode()
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// stop ends a server in order.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	if code := p.code(t); code != exitOK {
		t.Errorf("SIGTERM: exit code %d\n%s", code, p.stderr.String())
	}
}

// url waits until the server serves and returns where.
func (p *process) url(t *testing.T) string {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		for line := range strings.Lines(p.stderr.String()) {
			var entry struct{ Msg, Addr string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "serving" {
				return "http://" + entry.Addr
			}
		}
		select {
		case <-p.ended:
			t.Fatalf("%v ended with %d:\n%s", p.Args[1:], p.ProcessState.ExitCode(), p.stderr.String())
		default:
		}
	}
	t.Fatalf("%v does not serve:\n%s", p.Args[1:], p.stderr.String())
	return ""
}

// app is the server with the admin whom it made at its start.
func (p *process) app(t *testing.T) *apptest.App {
	t.Helper()
	return &apptest.App{URL: p.url(t), AdminKey: bootstrapKey(t, p)}
}

// bootstrapKey waits until one of the processes has printed the first admin's key.
func bootstrapKey(t *testing.T, starting ...*process) string {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		for _, p := range starting {
			if key := made(p.stdout.String())["BOOTSTRAP_ADMIN_API_KEY"]; key != "" {
				return key
			}
		}
	}
	t.Fatal("no key was made")
	return ""
}

// made reads the BOOTSTRAP lines.
func made(stdout string) map[string]string {
	lines := map[string]string{}
	for line := range strings.Lines(stdout) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && strings.HasPrefix(name, "BOOTSTRAP_") {
			lines[name] = value
		}
	}
	return lines
}

// runCommand runs the program to its end.
func runCommand(t *testing.T, env environment, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	p := start(t, env, args...)
	code = p.code(t)
	return code, p.stdout.String(), p.stderr.String()
}

// mustRun runs the program to its good end and returns what it printed.
func mustRun(t *testing.T, env environment, args ...string) string {
	t.Helper()
	code, stdout, stderr := runCommand(t, env, args...)
	if code != exitOK {
		t.Fatalf("%v: exit code %d\n%s", args, code, stderr)
	}
	return stdout
}

// get returns the status of a browser's GET; 0 when nothing answers.
func get(url string) int {
	req, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0
	}
	req.Header.Set("Accept", "text/html")
	res, err := (&http.Client{Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

// body returns what a browser's GET shows.
func body(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// output is what a program has written so far.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// names are the keys, sorted.
func names(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
