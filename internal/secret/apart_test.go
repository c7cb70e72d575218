package secret

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestMain makes the test binary a process that hashes passwords, too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		LowerPriority()
		if err := ServeHashes(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func testBinary(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, os.Args[0], "serve") }

// logged is what was logged, for tests in which several goroutines log.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// levels returns the levels of the lines, in order.
func (l *logged) levels() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var levels []string
	for line := range strings.Lines(l.text.String()) {
		levels = append(levels, strings.Fields(line)[1])
	}
	return strings.Join(levels, " ")
}

// hashApart returns a Hasher whose passwords the command's process hashes, until the test ends.
func hashApart(t testing.TB, slots int, command func(context.Context) *exec.Cmd) (*Hasher, *apart, *logged) {
	t.Helper()
	var log logged
	h := NewHasher(tiny, slots)
	a := h.hashApart(t.Context(), command, slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(a.stop)
	return h, a, &log
}

// wantRight fails the test unless the Hasher hashes as any other does.
func wantRight(t testing.TB, h *Hasher, password string) {
	t.Helper()
	stored, err := h.Hash(t.Context(), password)
	if err != nil {
		t.Error(err)
		return
	}
	want, err := parsePHC(stored)
	if err != nil || !want.matches(password, Params.derive) {
		t.Errorf("%q: %s is not its hash (%v)", password, stored, err)
	}
	for given, want := range map[string]bool{password: true, password + "x": false} {
		if ok, err := h.Verify(t.Context(), Known, stored, given); ok != want || err != nil {
			t.Errorf("%q: %v, %v", given, ok, err)
		}
	}
}

func TestHashApart_Concurrent(t *testing.T) {
	h, a, log := hashApart(t, 4, testBinary)
	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() {
			for j := range 10 {
				wantRight(t, h, fmt.Sprint("password ", i, j, strings.Repeat("x", i*j)))
			}
		})
	}
	callers.Wait()
	c := a.current()
	if c.last != 3*16*10 || len(c.waiting) > 0 {
		t.Errorf("the process was asked for %d hashes, %d of which are not answered", c.last, len(c.waiting))
	}
	if text := log.text.String(); text != "" {
		t.Errorf("logged: %s", text)
	}
}

func TestHashApart_OtherParameters(t *testing.T) {
	h, _, _ := hashApart(t, 1, testBinary)
	for _, k := range known {
		if ok, err := h.Verify(t.Context(), Known, k.stored, k.password); !ok || err != nil {
			t.Errorf("%s: %v, %v", k.stored, ok, err)
		}
	}
	wantRight(t, h, "")
}

// TestHashApart_ProcessKilled kills the process again and again in the midst of hashes: each is right, and it comes back.
func TestHashApart_ProcessKilled(t *testing.T) {
	h, a, log := hashApart(t, 4, testBinary)
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					wantRight(t, h, fmt.Sprint("password ", i))
				}
			}
		})
	}
	for range 3 {
		c := answering(t, a)
		if err := c.cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		for end := time.Now().Add(10 * time.Second); a.current() == c; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("its end goes unnoticed")
			}
		}
	}
	answering(t, a)
	close(stop)
	callers.Wait()
	if got := log.levels(); got != strings.TrimSpace(strings.Repeat("level=WARN level=INFO ", 3)) {
		t.Errorf("logged: %s", log.text.String())
	}
}

// answering waits until a process has answered, and the log has it so.
func answering(t *testing.T, a *apart) *child {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		a.mu.Lock()
		c, failed := a.child, a.failed
		a.mu.Unlock()
		if c == nil || failed {
			continue
		}
		c.mu.Lock()
		answered := int(c.last) > len(c.waiting)
		c.mu.Unlock()
		if answered {
			return c
		}
	}
	t.Fatal("no process answers")
	return nil
}

// TestHashApart_NoProcess has commands that cannot be started, end at once, or talk nonsense: each hash is right, and the log has one line.
func TestHashApart_NoProcess(t *testing.T) {
	for name, command := range map[string][]string{
		"not there":  {"/nowhere/paddock", "serve"},
		"ends":       {"/bin/sh", "-c", "exit 1"},
		"ends well":  {"/bin/sh", "-c", ":"},
		"says other": {"/bin/sh", "-c", "echo canary"},
		"says long":  {"/bin/sh", "-c", "exec cat /bin/sh"},
	} {
		t.Run(name, func(t *testing.T) {
			h, a, log := hashApart(t, 2, func(ctx context.Context) *exec.Cmd {
				return exec.CommandContext(ctx, command[0], command[1:]...)
			})
			for range 3 {
				wantRight(t, h, "password")
				a.mu.Lock()
				a.tried = time.Time{} // as if a second had passed
				a.mu.Unlock()
			}
			for end := time.Now().Add(10 * time.Second); log.levels() == "" && time.Now().Before(end); time.Sleep(time.Millisecond) {
			}
			a.stop()
			if got := log.levels(); got != "level=WARN" {
				t.Errorf("logged: %s", log.text.String())
			}
		})
	}
}

// TestHashApart_StartsOnceASecond counts the starts of a process that ends at once.
func TestHashApart_StartsOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		starts := 0
		h, a, _ := hashApart(t, 1, func(ctx context.Context) *exec.Cmd {
			starts++
			return exec.CommandContext(ctx, "/nowhere/paddock")
		})
		for range 30 {
			wantRight(t, h, "password")
			time.Sleep(100 * time.Millisecond)
		}
		if starts != 3 {
			t.Errorf("%d starts in 3 s", starts)
		}
		a.stop()
		wantRight(t, h, "after the end")
	})
}

func TestServeHashes_InvalidRequest(t *testing.T) {
	valid := request{Params: tiny, Length: 4}
	for name, change := range map[string]func(*request){
		"memory above cap": func(r *request) { r.Params.MemoryKiB = maxMemoryKiB + 1 },
		"length above cap": func(r *request) { r.Length = maxLength + 1 },
		"cut off":          func(r *request) { r.Length = 5 },
	} {
		r := valid
		change(&r)
		var requests, answers bytes.Buffer
		if err := binary.Write(&requests, binary.BigEndian, r); err != nil {
			t.Fatal(err)
		}
		requests.WriteString("pass")
		if err := ServeHashes(&requests, &answers); err == nil || answers.Len() > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
