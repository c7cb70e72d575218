package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

const adminPassword = "correct horse battery"

// hashing is an environment whose hashes take a while.
func hashing(t *testing.T) environment {
	t.Helper()
	return onItsOwn(t).with(environment{"ARGON2_MEMORY_KIB": "8192", "ARGON2_TIME": "2", "ADMIN_BOOTSTRAP_PASSWORD": adminPassword})
}

// stat returns the fields of /proc/PID/stat behind the program's name, which start with its state; none when there is no such process.
func stat(path string) []string {
	text, _ := os.ReadFile(filepath.Join(path, "stat"))
	_, fields, _ := strings.Cut(string(text), ") ")
	return strings.Fields(fields)
}

// hashers returns the processes that hash passwords for the server.
func (p *process) hashers(t *testing.T) (pids []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	must(t, err)
	for _, path := range all {
		pid, _ := strconv.Atoi(filepath.Base(path))
		if fields := stat(path); len(fields) > 1 && fields[0] != "Z" && fields[1] == strconv.Itoa(p.Process.Pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// hasher waits for a process that hashes passwords, another one than before.
func (p *process) hasher(t *testing.T, before int) int {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if pids := p.hashers(t); len(pids) == 1 && pids[0] != before && commandLine(pids[0]) == "paddock hash-passwords" {
			return pids[0]
		}
	}
	t.Fatalf("no process hashes passwords:\n%s", p.stderr.String())
	return 0
}

func commandLine(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.TrimSuffix(strings.ReplaceAll(string(text), "\x00", " "), " ")
}

// wantGone waits until the process has ended.
func wantGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if fields := stat(fmt.Sprintf("/proc/%d", pid)); len(fields) == 0 || fields[0] == "Z" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d does not end", pid)
		}
	}
}

// kill kills the process, and waits for its end.
func kill(t *testing.T, pid int) {
	t.Helper()
	must(t, syscall.Kill(pid, syscall.SIGKILL))
	wantGone(t, pid)
}

// told returns how often the server's log has the message.
func (p *process) told(message string) int { return strings.Count(p.stderr.String(), message) }

const (
	toldFailed = "passwords are hashed in the server itself"
	toldAgain  = "passwords are hashed in a process of their own again"
)

// adminSignsIn tries to sign the admin in.
func adminSignsIn(t *testing.T, a *apptest.App) error {
	_, err := a.As("").Auth.Login(t.Context(), &paddockv1.LoginRequest{Email: "admin@example.com", Password: adminPassword})
	return err
}

// TestHashing_Process looks at the process that hashes passwords: it runs at low priority, and has nothing of the server's.
func TestHashing_Process(t *testing.T) {
	t.Parallel()
	p := start(t, hashing(t), "serve")
	a := p.app(t)
	must(t, adminSignsIn(t, a))
	pid := p.hasher(t, 0)
	proc := fmt.Sprintf("/proc/%d", pid)
	environ, err := os.ReadFile(proc + "/environ")
	must(t, err)
	for variable := range strings.SplitSeq(strings.TrimSuffix(string(environ), "\x00"), "\x00") {
		if name, _, _ := strings.Cut(variable, "="); name != "GOGC" && name != "GOMAXPROCS" {
			t.Errorf("its environment has %q", variable)
		}
	}
	files, err := filepath.Glob(proc + "/fd/*")
	must(t, err)
	for _, file := range files {
		target, err := os.Readlink(file)
		if strings.HasPrefix(target, "/sys/fs/cgroup/") { // Go's runtime looks there how many processors it has
			continue
		}
		if kind, _, _ := strings.Cut(target, ":"); err != nil || !slices.Contains([]string{"pipe", "anon_inode", "/dev/null"}, kind) {
			t.Errorf("it has opened %s (%v)", target, err)
		}
	}
	threads, err := filepath.Glob(proc + "/task/*")
	must(t, err)
	for _, thread := range threads {
		if nice := stat(thread)[16]; nice == "0" {
			t.Errorf("thread %s of %d has the server's priority", filepath.Base(thread), len(threads))
		}
	}
	p.stop(t)
	wantGone(t, pid)
	if p.told(toldFailed)+p.told(toldAgain) > 0 || strings.Contains(p.stderr.String(), adminPassword) {
		t.Errorf("the log: %s", p.stderr.String())
	}
}

// TestHashing_ProcessKilled kills the process that hashes passwords in the midst of sign-ins: all are answered, and it comes back.
func TestHashing_ProcessKilled(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		p := start(t, hashing(t).with(environment{"DATABASE_URL": url}), "serve")
		a := p.app(t)
		stop := make(chan struct{})
		var people sync.WaitGroup
		for range 4 {
			people.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if err := adminSignsIn(t, a); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		pid := p.hasher(t, 0)
		for n := 1; n <= 2; n++ {
			kill(t, pid)
			pid = p.hasher(t, pid)
			for deadline := time.Now().Add(patience); p.told(toldAgain) < n && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			}
		}
		close(stop)
		people.Wait()
		if p.told(toldFailed) != 2 || p.told(toldAgain) != 2 {
			t.Errorf("the log: %s", p.stderr.String())
		}
		p.stop(t)
		wantGone(t, pid)
	})
}

// TestHashing_ProgramMayNotBeExecuted takes the right to execute the program away, and gives it back.
func TestHashing_ProgramMayNotBeExecuted(t *testing.T) {
	t.Parallel()
	program, err := os.ReadFile(built)
	must(t, err)
	path := filepath.Join(t.TempDir(), "paddock")
	must(t, os.WriteFile(path, program, 0o700)) //nolint:gosec // a program
	p := startProgram(t, path, hashing(t), "serve")
	a := p.app(t)
	pid := p.hasher(t, 0)
	must(t, os.Chmod(path, 0o600))
	kill(t, pid)
	for end := time.Now().Add(2500 * time.Millisecond); time.Now().Before(end); {
		must(t, adminSignsIn(t, a))
	}
	if pids := p.hashers(t); len(pids) > 0 || p.told(toldFailed) != 1 {
		t.Errorf("processes %v, the log: %s", pids, p.stderr.String())
	}
	must(t, os.Chmod(path, 0o700)) //nolint:gosec // a program
	for deadline := time.Now().Add(patience); p.told(toldAgain) == 0 && time.Now().Before(deadline); {
		must(t, adminSignsIn(t, a))
	}
	p.hasher(t, pid)
	p.stop(t)
	if p.told(toldFailed) != 1 || p.told(toldAgain) != 1 {
		t.Errorf("the log: %s", p.stderr.String())
	}
}

// TestHashing_Drain stops the server, and signals the process that hashes passwords, as systemd does, in the midst of a hash.
func TestHashing_Drain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		p := start(t, hashing(t).with(environment{"DATABASE_URL": url, "ARGON2_TIME": "4", "ARGON2_MEMORY_KIB": "65536"}), "serve")
		a := p.app(t)
		pid := p.hasher(t, 0)
		ticks := func() int {
			n, _ := strconv.Atoi(stat(fmt.Sprintf("/proc/%d", pid))[11])
			return n
		}
		before := ticks()
		signedIn := make(chan error, 1)
		go func() { signedIn <- adminSignsIn(t, a) }()
		for deadline := time.Now().Add(patience); ticks() < before+3 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		}
		for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
			must(t, syscall.Kill(pid, s))
		}
		p.stop(t)
		if err := <-signedIn; err != nil {
			t.Errorf("who was signing in: %v", err)
		}
		wantGone(t, pid)
		if p.told(toldFailed) > 0 {
			t.Errorf("the log: %s", p.stderr.String())
		}
	})
}

// TestHashing_ServerKilled checks that kill -9 of the server leaves no process behind.
func TestHashing_ServerKilled(t *testing.T) {
	t.Parallel()
	p := start(t, hashing(t), "serve")
	a := p.app(t)
	must(t, adminSignsIn(t, a))
	pid := p.hasher(t, 0)
	kill(t, p.Process.Pid)
	wantGone(t, pid)
}
