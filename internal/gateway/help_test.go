package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/gateway"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/relay"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
	"github.com/paddock-gate/paddock/internal/upstream"
	"github.com/paddock-gate/paddock/internal/usage"
)

// bench is a gateway with a test Ollama behind it and a ledger of its own; all requests are its caller's.
type bench struct {
	URL      string
	Upstream *ollamatest.Server
	Caller   caller.Caller // set before the first request
	handler  http.Handler
	store    *store.Store
	ledger   *usage.Ledger
	alive    time.Duration
}

func start(t testing.TB, upstream *ollamatest.Server) *bench {
	t.Helper()
	b := startAt(t, upstream.URL)
	b.Upstream = upstream
	return b
}

func startAt(t testing.TB, upstream string) *bench {
	t.Helper()
	return startServed(t, upstream, func(*bench) {})
}

// startWith is start with other settings.
func startWith(t testing.TB, upstream *ollamatest.Server, set func(*bench)) *bench {
	t.Helper()
	b := startServed(t, upstream.URL, set)
	b.Upstream = upstream
	return b
}

func startServed(t testing.TB, address string, set func(*bench)) *bench {
	t.Helper()
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Caller: caller.Caller{UserID: uuid.Must(uuid.NewV7()), RequestID: "req-1"}, alive: 15 * time.Second}
	set(b)
	b.store = storetest.Open(t, storetest.SQLite(t))
	b.ledger = usage.NewLedger(b.store, audit.Open(b.store), caller.Quota{})
	client := upstream.New(upstream.Config{
		BaseURLs: []*url.URL{base}, ConnectTimeout: time.Second, FirstTokenTimeout: 3 * time.Second, IdleTimeout: time.Second,
	})
	log := audit.Open(b.store)
	g := gateway.New(client, relay.NewModels(client, log, false), b.ledger, tell, gateway.Options{
		MaxBody: 64 << 20, MaxKeepAlive: 30 * time.Minute, StreamAlive: b.alive,
	})
	mux := http.NewServeMux()
	for _, r := range g.Routes() {
		mux.Handle(strings.TrimSpace(r.Method+" "+r.Pattern), r.Handler)
	}
	mux.HandleFunc("GET /{$}", gateway.Heartbeat)
	asCaller := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body) // as the door does it
		if err != nil {
			return
		}
		r.Body = readBody{bytes.NewBuffer(body)}
		mux.ServeHTTP(w, r.WithContext(caller.With(r.Context(), &b.Caller)))
	})
	b.handler = gateway.Strict(asCaller)
	server := httptest.NewServer(b.handler)
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = b.ledger.Close(context.WithoutCancel(t.Context())) })
	b.URL = server.URL
	return b
}

// startAnswering is a gateway before an upstream that answers everything alike.
func startAnswering(t testing.TB, status int, contentType, body string) *bench {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/tags" {
			_, _ = io.WriteString(w, `{"models":[]}`)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(upstream.Close)
	return startAt(t, upstream.URL)
}

// readBody is a body in memory.
type readBody struct{ *bytes.Buffer }

var _ gateway.HeldBody = readBody{}

func (readBody) Close() error { return nil }

// tell converts err to the error shown to the client, as the server does.
func tell(ctx context.Context, err error) *connect.Error {
	known, upstream := (*connect.Error)(nil), (*ollama.Error)(nil)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(context.Cause(ctx), &known):
		return known
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, errors.New("cancelled"))
	case errors.As(err, &upstream):
		return relay.PublicError(upstream)
	}
	return apierr.New(connect.CodeInternal, apierr.Internal, err.Error())
}

// answer is a whole response; Err is why its body broke off.
type answer struct {
	Status int
	Header http.Header
	Body   string
	Err    error
}

// client never follows to another spelling of a path.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func send(t testing.TB, method, url, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(b), err}
}

func (b *bench) post(t testing.TB, path, body string) answer {
	t.Helper()
	return send(t, http.MethodPost, b.URL+path, body)
}

// record is a usage record.
type record struct {
	Kind, Model        string
	Prompt, Completion int64
	Outcome            string
	Estimated          bool
}

// records waits until n calls are settled and returns their records.
func (b *bench) records(t testing.TB, n int) []record {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var all []record
		err := b.store.Read(t.Context(), `SELECT kind, model, prompt_tokens, completion_tokens, outcome, estimated FROM usage_records ORDER BY id`, nil,
			func(row store.Row) error {
				var r record
				if err := row.Scan(&r.Kind, &r.Model, &r.Prompt, &r.Completion, &r.Outcome, &r.Estimated); err != nil {
					return err
				}
				all = append(all, r)
				return nil
			})
		if err != nil {
			t.Fatal(err)
		}
		if len(all) >= n || time.Now().After(deadline) {
			if len(all) != n {
				t.Errorf("%d usage records, want %d: %v", len(all), n, all)
			}
			return all
		}
	}
}

// spent returns the record of the one call so far.
func (b *bench) spent(t testing.TB) record {
	t.Helper()
	return append(b.records(t, 1), record{})[0]
}

// sent returns the body of the last request that the upstream got.
func (b *bench) sent(t testing.TB) string {
	t.Helper()
	all := b.Upstream.Requests()
	if len(all) == 0 {
		t.Fatal("nothing was sent upstream")
	}
	return string(all[len(all)-1].Body)
}

// lines returns the body's lines that are not empty.
func lines(body string) []string {
	return slices.DeleteFunc(strings.Split(body, "\n"), func(l string) bool { return l == "" })
}

// readLine reads on until something is said.
func readLine(t testing.TB, r *bufio.Reader) []byte {
	t.Helper()
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line
		}
	}
}
