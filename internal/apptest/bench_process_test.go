package apptest_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// process is the built program, serving.
type process struct {
	*exec.Cmd
	url  string
	key  string   // of the first admin, when it was made by this start; after populate that of a user with a quota
	keys []string // after populate, of 200 more users with quotas
}

// startProcess starts the built program in the folder and returns when /healthz answers 200, and how long that took. What
// it prints goes to files there.
func startProcess(b *testing.B, dir, upstream string, env ...string) (*process, time.Duration) {
	b.Helper()
	return startProgram(b, exec.Command(builtProgram(b), "serve"), "127.0.0.1", dir, upstream, env...)
}

// startProgram is startProcess of a command that serves on a port of the host.
func startProgram(b testing.TB, command *exec.Cmd, host, dir, upstream string, env ...string) (*process, time.Duration) {
	b.Helper()
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	p := &process{Cmd: command, url: "http://" + address}
	p.Env = append(os.Environ(), "LISTEN_ADDR="+address, "DATA_DIR="+dir, "OLLAMA_BASE_URL="+upstream, "RATE_LIMIT_PER_MINUTE=0", "LOG_LEVEL=warn")
	p.Env = append(p.Env, env...)
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	p.Stdout, p.Stderr = out, log
	began := time.Now()
	if err := p.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	for {
		res, err := http.Get(p.url + "/healthz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Since(began) > 20*time.Second {
			b.Fatal("the program does not come up")
		}
		time.Sleep(time.Millisecond)
	}
	took := time.Since(began)
	p.readKey(b, dir)
	return p, took
}

// readKey reads the key that the program has printed in the folder, if it has.
func (p *process) readKey(b testing.TB, dir string) {
	b.Helper()
	printed, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(printed)) {
		if key, ok := strings.CutPrefix(line, "BOOTSTRAP_ADMIN_API_KEY="); ok && strings.HasSuffix(key, "\n") {
			p.key = strings.TrimSpace(key)
		}
	}
}

func builtProgram(b *testing.B) string {
	b.Helper()
	path, err := filepath.Abs("../../bin/paddock")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		b.Skip("make build first")
	}
	return path
}

// residentMB is the process's memory as the kernel counts it.
func (p *process) residentMB(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		b.Skip("needs /proc")
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.Atoi(strings.Fields(kb)[0])
			return float64(n) / 1024
		}
	}
	return 0
}

// BenchmarkProcess: from start to the first 200 on a migrated database must take 150 ms, aim 60; idle memory must be
// below 40 MB, aim 30; and with 500 idle streams below 128 MiB.
func BenchmarkProcess(b *testing.B) {
	upstream := ollamatest.Start(b)
	upstream.Script("tiny-chat", ollamatest.Say("hello"), ollamatest.Hang())
	dir := b.TempDir()
	first, _ := startProcess(b, dir, upstream.URL)
	key := first.key
	stop(b, first)

	var starts, idle []float64
	for range rounds {
		p, took := startProcess(b, dir, upstream.URL)
		starts = append(starts, float64(took.Microseconds())/1000)
		time.Sleep(500 * time.Millisecond)
		idle = append(idle, p.residentMB(b))
		stop(b, p)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(starts), "start-ms")
	b.ReportMetric(median(idle), "idle-MB")

	p, _ := startProcess(b, dir, upstream.URL)
	a := &apptest.App{URL: p.url}
	var ready, done sync.WaitGroup
	ctx := b.Context()
	ollama := a.As(key).Ollama
	for range 500 {
		ready.Add(1)
		done.Go(func() {
			s, err := ollama.Chat(ctx, &paddockv1.ChatRequest{Model: "tiny-chat", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}}})
			if err != nil {
				b.Error(err)
				ready.Done()
				return
			}
			defer s.Close()
			s.Receive()
			ready.Done()
			s.Receive()
		})
	}
	ready.Wait()
	time.Sleep(time.Second)
	b.ReportMetric(p.residentMB(b), "MB-500-streams")
	stop(b, p)
	done.Wait()
}

func stop(b *testing.B, p *process) {
	b.Helper()
	_ = p.Process.Kill()
	_ = p.Wait()
}
