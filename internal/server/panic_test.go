package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/dialect"
	"github.com/paddock-gate/paddock/internal/door"
	"github.com/paddock-gate/paddock/internal/gateway"
	"github.com/paddock-gate/paddock/internal/relay"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// wantIdle waits until no stream runs any more.
func (h *house) wantIdle(t *testing.T) {
	t.Helper()
	streams := h.routes.door.Streams
	for deadline := time.Now().Add(time.Minute); streams.Count() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d streams are left", streams.Count())
		}
	}
}

// wantPanicLogged wants one line with the stack, and one of a failed request.
func (h *house) wantPanicLogged(t *testing.T, name, requestID string) {
	t.Helper()
	panics, requests := 0, 0
	for _, l := range h.log.of(t, requestID) {
		switch l.Msg {
		case "panic":
			panics++
			if l.Level != "ERROR" || l.Path == "" || !strings.Contains(l.Stack, "panic_test.go") || !strings.Contains(l.Value, "canary") {
				t.Errorf("%s: panic %+v", name, l)
			}
		case "request":
			requests++
			if l.Status != http.StatusInternalServerError || l.Code != "internal" {
				t.Errorf("%s: request %+v", name, l)
			}
		default:
			t.Errorf("%s: besides %+v", name, l)
		}
	}
	if panics != 1 || requests != 1 {
		t.Errorf("%s: %d panics and %d requests in the log", name, panics, requests)
	}
}

// panics returns a handler that sets headers, writes first if there is any, and panics with value.
func panics(value any, first string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Etag", `"canary"`)
		w.Header().Set("Set-Cookie", "canary=1")
		w.Header().Set("Cache-Control", "public")
		if first != "" {
			w.Header().Del("Content-Encoding")
			_, _ = io.WriteString(w, first)
			_ = http.NewResponseController(w).Flush()
		} else {
			w.Header().Set("Content-Length", "1000")
		}
		panic(value)
	})
}

// TestPanic_Handler: clients are answered in their dialect, or the response is aborted, and nothing is left running.
func TestPanic_Handler(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		h := startHouse(t, database)
		const value = "canary: a bug"
		for _, path := range []string{"/api", "/v1", "/v1/messages"} {
			dialect := map[string]dialect.Dialect{"/api": dialect.Ollama, "/v1": dialect.OpenAI, "/v1/messages": dialect.Anthropic}[path]
			h.routes.stock([]gateway.Route{
				{Method: http.MethodPost, Pattern: path + "/first", Dialect: dialect, Model: true, MaxBody: 1 << 20, Handler: panics(value, "")},
				{Method: http.MethodPost, Pattern: path + "/later", Dialect: dialect, Model: true, MaxBody: 1 << 20, Handler: panics(value, "{}\n")},
			})
		}
		h.routes.Handle("POST /page/first", panics(value, ""))
		h.routes.Handle("POST /page/later", panics(value, "<p>"))
		bodyFor := func(path string) string {
			if strings.HasPrefix(path, "/page") {
				return "" // no handler would read it
			}
			return `{"x":"` + strings.Repeat("x", 100<<10) + `"}`
		}
		for protocol, client := range clients() {
			for path, want := range map[string]string{
				"/api/first":         `{"error":"internal error"}`,
				"/v1/first":          `{"error":{"message":"internal error","type":"api_error","param":null,"code":"INTERNAL"}}`,
				"/v1/messages/first": `{"type":"error","error":{"type":"api_error","message":"internal error"}`,
				"/page/first":        "internal error\n",
			} {
				name := protocol + " " + path
				got, id := h.post(t, client, path, bodyFor(path))
				if got.err != nil || got.StatusCode != http.StatusInternalServerError || !strings.HasPrefix(got.body, want) {
					t.Errorf("%s: %+v", name, got)
					continue
				}
				for _, header := range []string{"Content-Encoding", "Etag", "Set-Cookie"} {
					if v := got.Header.Get(header); v != "" {
						t.Errorf("%s: %s: %s", name, header, v)
					}
				}
				if v := got.Header.Get("Cache-Control"); v != "no-store" {
					t.Errorf("%s: Cache-Control: %s", name, v)
				}
				h.wantIdle(t)
				h.wantPanicLogged(t, name, id)
			}
			for _, path := range []string{"/api/later", "/v1/later", "/v1/messages/later", "/page/later"} {
				name := protocol + " " + path
				got, id := h.post(t, client, path, bodyFor(path))
				if got.err == nil || got.Response == nil || got.StatusCode != http.StatusOK {
					t.Errorf("%s: the answer did not break off: %+v", name, got)
				}
				h.wantIdle(t)
				h.wantPanicLogged(t, name, id)
			}
		}
		h.wantCounted(t, "/api/first", "internal", 2)
		h.wantCounted(t, "/page/later", "internal", 2)
	})
}

// TestPanic_Door: before the handler, for RPCs as for stock clients.
func TestPanic_Door(t *testing.T) {
	h := startHouse(t, storetest.SQLite(t))
	spoil := func() {
		h.routes.door.Limit = door.NewLimiter(1)
		h.routes.door.Limit.Shared = func(context.Context, uuid.UUID, int, int) (float64, bool, error) { panic("canary: a bug") }
	}
	for protocol, client := range clients() {
		for path, want := range map[string]string{
			"/paddock.v1.UserService/ListRoles": `"reason":"INTERNAL"`,
			"/api/chat":                         `{"error":"internal error"}`,
		} {
			spoil()
			got, id := h.post(t, client, path, "{}")
			if got.err != nil || got.StatusCode != http.StatusInternalServerError || !strings.Contains(got.body, want) {
				t.Errorf("%s %s: %+v", protocol, path, got)
			}
			h.wantIdle(t)
			h.wantPanicLogged(t, protocol+" "+path, id)
		}
	}
}

// TestPanic_ErrAbortHandler: the request counts as failed, and no panic is logged.
func TestPanic_ErrAbortHandler(t *testing.T) {
	h := startHouse(t, storetest.SQLite(t))
	h.routes.Handle("POST /aborts/first", panics(http.ErrAbortHandler, ""))
	h.routes.Handle("POST /aborts/later", panics(http.ErrAbortHandler, "<p>"))
	for protocol, client := range clients() {
		for _, path := range []string{"/aborts/first", "/aborts/later"} {
			got, id := h.post(t, client, path, "")
			if got.err == nil {
				t.Errorf("%s %s: the answer did not break off: %+v", protocol, path, got)
			}
			all := h.log.of(t, id)
			if len(all) != 1 || all[0].Msg != "request" || all[0].Status != http.StatusInternalServerError || all[0].Code != "unknown" {
				t.Errorf("%s %s: logged %+v", protocol, path, all)
			}
		}
	}
	h.wantCounted(t, "/aborts/later", "unknown", 2)
}

// spoiler panics at the nth write of a response.
type spoiler struct {
	http.ResponseWriter
	n int
}

func (s *spoiler) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *spoiler) Write(b []byte) (int, error) {
	if s.n--; s.n == 0 {
		panic("canary: a bug")
	}
	return s.ResponseWriter.Write(b)
}

// gateway returns another gateway with the server's ledger.
func (h *house) gateway() *gateway.Gateway {
	upstream := newUpstream(h.config, h.metrics)
	return newGateway(h.config, upstream, relay.NewModels(upstream, h.trail, false), h.ledger)
}

// TestPanic_ModelCall: the call is settled as failed.
func TestPanic_ModelCall(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		h := startHouse(t, database)
		const body = `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`
		for _, r := range h.gateway().Routes() {
			for n := 1; r.Pattern == "/api/chat" && r.Method != "" && n <= 2; n++ {
				spoilt := r
				spoilt.Pattern = fmt.Sprintf("/api/spoilt/%d", n)
				spoilt.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.Handler.ServeHTTP(&spoiler{w, n}, req) })
				h.routes.stock([]gateway.Route{spoilt})
			}
		}
		client := clients()["HTTP/1.1"]
		first, id1 := h.post(t, client, "/api/spoilt/1", body)
		later, id2 := h.post(t, client, "/api/spoilt/2", body)
		if first.err != nil || first.StatusCode != http.StatusInternalServerError || later.Response == nil || later.err == nil {
			t.Errorf("answers %+v and %+v", first, later)
		}
		h.wantIdle(t)
		h.wantPanicLogged(t, "before the first byte", id1)
		h.wantPanicLogged(t, "after the first byte", id2)
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			settled, open := 0, 0
			err := h.store.Read(t.Context(), `SELECT (SELECT count(*) FROM usage_records WHERE outcome = 'failed'), (SELECT count(*) FROM reservations)`, nil,
				func(row store.Row) error { return row.Scan(&settled, &open) })
			if err != nil {
				t.Fatal(err)
			}
			if settled == 2 && open == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d records of failed calls, %d reservations left", settled, open)
			}
		}
	})
}
