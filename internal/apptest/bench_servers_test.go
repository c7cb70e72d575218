package apptest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
)

// The upstream and the reference proxy run in processes of their own, so that the CPU and memory of each can be measured: this
// test binary started again, to serve.
const (
	serveVariable    = "PADDOCK_BENCH_SERVE" // "upstream", "bare" or "reference"
	upstreamVariable = "PADDOCK_BENCH_UPSTREAM"
)

func TestMain(m *testing.M) {
	switch os.Getenv(serveVariable) {
	case "upstream":
		serve(fakeOllama())
	case "bare":
		mux := http.NewServeMux()
		mux.Handle(paddockv1connect.NewAuthServiceHandler(bareAuth{answer: &paddockv1.WhoAmIResponse{
			User: &paddockv1.User{Id: "01a2270a-99a8-711e-9737-6121e6a762ce", Email: "ada@example.com", Roles: []string{"user"}},
		}}))
		serve(mux)
	case "reference":
		serve(referenceProxy(os.Getenv(upstreamVariable)))
	default:
		code := m.Run()
		os.RemoveAll(programDir)
		os.Exit(code)
	}
}

// serve prints its URL on standard output and serves until standard input ends.
func serve(h http.Handler) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stdout, "http://"+l.Addr().String())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	server := http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	panic(server.Serve(l))
}

// startServer starts a process of this binary's that serves, until the benchmark ends.
func startServer(b *testing.B, what, upstream string) *process {
	b.Helper()
	p := &process{Cmd: exec.Command(os.Args[0])}
	p.Env = append(os.Environ(), serveVariable+"="+what, upstreamVariable+"="+upstream)
	p.Stderr = os.Stderr
	if _, err := p.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stop(b, p) })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	p.url, p.key = strings.TrimSpace(line), "right"
	return p
}

// cpu is what the process has had of the processors, by the kernel's ticks of 10 ms.
func (p *process) cpu(b *testing.B) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
	if err != nil {
		b.Skip("needs /proc")
	}
	const user, system = 11, 12 // behind the name, which is in parentheses; proc_pid_stat(5) counts from 1 and the pid
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	ticks := 0
	for _, i := range []int{user, system} {
		n, _ := strconv.Atoi(fields[i])
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// memory is what the process has of the machine's memory, in MiB.
func (p *process) memory(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		b.Skip("needs /proc")
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kib, _ := strconv.Atoi(strings.Fields(after)[0])
	return float64(kib) / 1024
}

const (
	wholeAnswer = `{"model":"m","message":{"role":"assistant","content":"Hello"},"done":true,"done_reason":"stop","prompt_eval_count":11,"eval_count":1}`
	piece       = `{"model":"m","created_at":"2026-11-22T19:59:32.474300056Z","message":{"role":"assistant","content":" Hello"},"done":false}` + "\n"
)

// fakeOllama answers at once, so that no cost of a model's is measured. A model named "50x100ms" streams 50 pieces, one
// each 100 ms. Embeddings are 512 vectors of 1,024 dimensions, 6 MB.
func fakeOllama() http.Handler {
	vector := "[" + strings.Repeat("-0.11222807,", 1023) + "0.5]"
	native := []byte(`{"model":"m","embeddings":[` + strings.Repeat(vector+",", 511) + vector + `],"prompt_eval_count":4096}`)
	openAI := []byte(`{"object":"list","data":[` + strings.Repeat(`{"object":"embedding","embedding":`+vector+`,"index":0},`, 511) +
		`{"object":"embedding","embedding":` + vector + `,"index":511}],"model":"m","usage":{"prompt_tokens":4096,"total_tokens":4096}}`)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/tags", func(w http.ResponseWriter, r *http.Request) { answerWhole(w, r, []byte(`{"models":[]}`)) })
	mux.HandleFunc("POST /api/embed", func(w http.ResponseWriter, r *http.Request) { answerWhole(w, r, native) })
	mux.HandleFunc("POST /v1/embeddings", func(w http.ResponseWriter, r *http.Request) { answerWhole(w, r, openAI) })
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) { answerWhole(w, r, []byte(wholeCompletion)) })
	mux.HandleFunc("POST /v1/responses", func(w http.ResponseWriter, r *http.Request) {
		answerEvents(w, r, wholeResponse, "response.output_text.delta", "event: response.completed\ndata: {\"response\":"+wholeResponse+"}\n\n")
	})
	mux.HandleFunc("POST /v1/messages", func(w http.ResponseWriter, r *http.Request) {
		answerEvents(w, r, wholeMessage, "content_block_delta",
			"event: message_delta\ndata: {\"usage\":{\"input_tokens\":11,\"output_tokens\":50}}\n\nevent: message_stop\ndata: {}\n\n")
	})
	mux.HandleFunc("POST /api/chat", func(w http.ResponseWriter, r *http.Request) {
		var begin [64]byte
		n, _ := io.ReadFull(r.Body, begin[:])
		var pieces, pace int
		if _, err := fmt.Sscanf(string(begin[:n]), `{"model":"%dx%dms`, &pieces, &pace); err != nil {
			answerWhole(w, r, []byte(wholeAnswer))
			return
		}
		answerPaced(w, r, pieces, time.Duration(pace)*time.Millisecond)
	})
	return mux
}

const (
	wholeCompletion = `{"object":"chat.completion","model":"m","choices":[{"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":1}}`
	wholeResponse   = `{"object":"response","model":"m","output":[{"type":"message","content":[{"type":"output_text","text":"Hello"}]}],"usage":{"input_tokens":11,"output_tokens":50}}`
	wholeMessage    = `{"type":"message","model":"m","content":[{"type":"text","text":"Hello"}],"usage":{"input_tokens":11,"output_tokens":50}}`
)

// answerEvents answers whole, or in 50 events when a stream is asked for.
func answerEvents(w http.ResponseWriter, r *http.Request, whole, name, end string) {
	body, _ := io.ReadAll(r.Body)
	if !bytes.HasSuffix(body, []byte(`"stream":true}`)) {
		answerWhole(w, r, []byte(whole))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	flusher := http.NewResponseController(w)
	for range 50 {
		_, _ = io.WriteString(w, "event: "+name+"\ndata: {\"type\":\""+name+"\",\"delta\":{\"type\":\"text_delta\",\"text\":\" Hello\"}}\n\n")
		_ = flusher.Flush()
	}
	_, _ = io.WriteString(w, end)
}

func answerWhole(w http.ResponseWriter, r *http.Request, body []byte) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(body)
}

func answerPaced(w http.ResponseWriter, r *http.Request, pieces int, pace time.Duration) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/x-ndjson")
	flusher := http.NewResponseController(w)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for range pieces {
		_, _ = io.WriteString(w, piece)
		_ = flusher.Flush()
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
	_, _ = io.WriteString(w, wholeAnswer+"\n")
}
