package apptest_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// The attacks are on the program in a process of its own, so that the memory and the descriptors that are counted are the server's, and
// while each goes on others must be served. `make soak` makes them longer and looks at the time that others wait.

// fullProof reports whether the long versions of tests are run.
func fullProof() bool { return os.Getenv("PADDOCK_PROOF") == "full" }

// scale returns the size of an attack: small in `make test`, full in `make soak`.
func scale(small, full int) int {
	if fullProof() {
		return full
	}
	return small
}

// programDir is where program builds, "" until then. TestMain removes it.
var programDir string

// program builds the program once, as it is released.
var program = sync.OnceValues(func() (path string, err error) {
	if programDir, err = os.MkdirTemp("", "paddock-attack"); err != nil {
		return "", err
	}
	path = filepath.Join(programDir, "paddock")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "../../cmd/paddock")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if flags := os.Getenv("PADDOCK_ATTACK_BUILD"); flags != "" { // such as -overlay=FILE, to see a test fail on another net/http
		build.Args = slices.Insert(build.Args, 2, strings.Fields(flags)...)
	}
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// target is a server that is attacked.
type target struct {
	*process
	upstream *ollamatest.Server
}

var targets atomic.Int64

// startTarget starts the program with the settings until the test ends. Each has an address of its own, so that nobody else takes its port
// before it does.
func startTarget(t testing.TB, env ...string) *target {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("attacks: not run: they need /proc and all of 127.0.0.0/8")
	}
	path, err := program()
	must(t, err)
	upstream := ollamatest.Start(t)
	n := targets.Add(1)
	host := fmt.Sprintf("127.77.%d.%d", n>>8&255, n&255)
	dir := t.TempDir()
	p, _ := startProgram(t, exec.Command(path, "serve"), host, dir, upstream.URL, env...)
	for end := time.Now().Add(patience); p.key == ""; time.Sleep(10 * time.Millisecond) { // it answers before it has made the admin
		if p.readKey(t, dir); time.Now().After(end) {
			t.Fatal("the program prints no key")
		}
	}
	return &target{p, upstream}
}

func (s *target) address() string { return strings.TrimPrefix(s.url, "http://") }

// processes returns the ids of the server's process and of the one that hashes its passwords.
func (s *target) processes(t testing.TB) []int {
	t.Helper()
	all := []int{s.Process.Pid}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.Process.Pid)) // none where the kernel does not tell
	must(t, err)
	for _, of := range threads {
		children, err := os.ReadFile(of)
		if err != nil { // the thread has ended
			continue
		}
		for child := range strings.FieldsSeq(string(children)) {
			pid, err := strconv.Atoi(child)
			must(t, err)
			all = append(all, pid)
		}
	}
	return all
}

// status returns a line of /proc/PID/status, in KiB, of all the server's processes together.
func (s *target) status(t testing.TB, name string) (kib int) {
	t.Helper()
	for _, pid := range s.processes(t) {
		all, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(all), name+":")
		n, err := strconv.Atoi(strings.Fields(after)[0])
		must(t, err)
		kib += n
	}
	return kib
}

// memoryPeak begins to watch the server's memory; peak returns by how many MiB it has grown since, at its largest.
func (s *target) memoryPeak(t testing.TB) (peak func() int) {
	t.Helper()
	before := s.status(t, "VmRSS")
	for _, pid := range s.processes(t) {
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
			t.Skipf("memory of attacked servers: not run: %v", err)
		}
	}
	return func() int { return (s.status(t, "VmHWM") - before) >> 10 }
}

// others are people who use the server during an attack: on a connection that they have, on a new one each time, and over HTTP/2.
type others struct {
	t      testing.TB
	server *target
	stop   context.CancelFunc
	work   sync.WaitGroup
	failed atomic.Int64
	mu     sync.Mutex
	waits  []time.Duration
}

// patience is how long others wait until they give up: in `make test` a bound for what hangs, and no assertion of time.
const patience = 15 * time.Second

func (s *target) others(t testing.TB) *others {
	t.Helper()
	o := &others{t: t, server: s}
	ctx, stop := context.WithCancel(t.Context())
	o.stop = stop
	t.Cleanup(func() {
		stop()
		o.work.Wait()
	})
	var h2 http.Protocols
	h2.SetUnencryptedHTTP2(true)
	for _, transport := range []*http.Transport{{}, {DisableKeepAlives: true}, {Protocols: &h2}} {
		client := &http.Client{Transport: transport, Timeout: patience}
		if !o.ask(client) {
			t.Fatal("not served before the attack")
		}
		o.work.Go(func() {
			defer transport.CloseIdleConnections()
			for ctx.Err() == nil {
				o.ask(client)
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	return o
}

func (o *others) ask(client *http.Client) bool {
	req, err := http.NewRequest(http.MethodPost, o.server.url+whoAmI, strings.NewReader("{}"))
	if err != nil {
		o.t.Error(err)
		return false
	}
	req.Header = bearerOf(o.server.key)
	req.Header.Set("Content-Type", "application/json")
	began := time.Now()
	res, err := client.Do(req)
	if err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	if err != nil || res.StatusCode != http.StatusOK {
		if o.failed.Add(1) <= 3 {
			o.t.Errorf("others are not served: %v, %v", res, err)
		}
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waits = append(o.waits, time.Since(began))
	return true
}

// reset forgets what was measured, and returns the 99th percentile of it.
func (o *others) reset() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	waits := o.waits
	o.waits = nil
	if len(waits) == 0 {
		o.t.Error("others were not served at all")
		return 0
	}
	slices.Sort(waits)
	return waits[len(waits)*99/100]
}

// end ends the work of others, who must have been served, in `make soak` within a second each.
func (o *others) end() {
	o.t.Helper()
	o.stop()
	o.work.Wait()
	n := len(o.waits)
	p99 := o.reset()
	o.t.Logf("others: %d calls, p99 %s", n, p99.Round(100*time.Microsecond))
	if fullProof() && p99 > time.Second {
		o.t.Errorf("others waited %s", p99)
	}
}

// dial opens a connection to the server, which is closed at the end of the test.
func (s *target) dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.address())
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// wantMemory fails the test if the server took more than so many MiB.
func wantMemory(t testing.TB, took, most int) {
	t.Helper()
	t.Logf("the server took %d MiB more at its largest", took)
	if took > most {
		t.Errorf("the server took %d MiB more, want at most %d", took, most)
	}
}
