package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/bootstrap"
	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// logBuffer is a log that is read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

// logged is a line of the log.
type logged struct {
	Level, Msg, Path, Code, Stack, Value string
	Status                               int
	RequestID                            string `json:"request_id"`
}

// of returns the lines of the request.
func (l *logBuffer) of(t *testing.T, requestID string) (all []logged) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.all.String()) {
		var one logged
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		if one.RequestID == requestID {
			all = append(all, one)
		}
	}
	return all
}

// house is a running server to which a test can add routes.
type house struct {
	*Server
	url, key string
	store    *store.Store
	log      logBuffer
}

func startHouse(t *testing.T, database string) *house {
	t.Helper()
	upstream := ollamatest.Start(t)
	h := &house{store: storetest.Open(t, database)}
	env := map[string]string{
		"DATABASE_URL": database, "DATA_DIR": t.TempDir(), "JWT_SECRET": "9f1c2ab07d3e48c5a6b1d0e7f8c3b2a4", "OLLAMA_BASE_URL": upstream.URL,
	}
	cfg, err := config.Load(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	trail, hasher := audit.Open(h.store), secret.NewHasher(secret.Params{MemoryKiB: 64, Time: 1, Parallelism: 1}, 0)
	made, err := bootstrap.Seed(t.Context(), h.store, trail, hasher, bootstrap.Admin{Email: "admin@example.com", Password: "correct horse battery"})
	if err != nil {
		t.Fatal(err)
	}
	h.key = made.APIKey
	logger := slog.New(slog.NewJSONHandler(&h.log, nil))
	previous := slog.Default()
	slog.SetDefault(logger)
	h.Server, err = New(t.Context(), cfg, h.store, trail, hasher, logger, Options{Secrets: [][]byte{[]byte(env["JWT_SECRET"])}, WithoutPage: true})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.url = "http://" + listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		slog.SetDefault(previous)
	})
	return h
}

// clients returns clients of HTTP/1.1 and HTTP/2. They keep no connections open, which a server that stops would wait for.
func clients() map[string]*http.Client {
	var h2 http.Protocols
	h2.SetUnencryptedHTTP2(true)
	return map[string]*http.Client{
		"HTTP/1.1": {Transport: &http.Transport{DisableKeepAlives: true}}, "HTTP/2": {Transport: &http.Transport{Protocols: &h2}},
	}
}

// reply is a response; err is why it was aborted.
type reply struct {
	*http.Response
	body string
	err  error
}

func (h *house) post(t *testing.T, client *http.Client, path, body string) (_ reply, requestID string) {
	t.Helper()
	defer client.CloseIdleConnections()
	requestID = uuid.NewString()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + h.key}, "Content-Type": {"application/json"}, "X-Request-Id": {requestID}}
	res, err := client.Do(req)
	if err != nil {
		return reply{err: err}, requestID
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res, string(b), err}, requestID
}

func (h *house) wantCounted(t *testing.T, route, code string, n int) {
	t.Helper()
	got, _ := h.get(t, "/metrics")
	want := fmt.Sprintf("paddock_request_duration_seconds_count{code=%q,route=%q} %d\n", code, route, n)
	if !strings.Contains(got.body, want) {
		t.Errorf("no %s in the metrics", want)
		for line := range strings.Lines(got.body) {
			if strings.Contains(line, "seconds_count") && strings.Contains(line, route) {
				t.Log(line)
			}
		}
	}
}

func (h *house) get(t *testing.T, path string) (_ reply, requestID string) {
	t.Helper()
	requestID = uuid.NewString()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Request-Id", requestID)
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{err: err}, requestID
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res, string(b), err}, requestID
}
