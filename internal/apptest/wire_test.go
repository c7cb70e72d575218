package apptest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// wire is an upstream that is nothing but a port: what it answers to POST is up to the byte. Lists it answers as the test Ollama does.
type wire struct {
	net.Listener
	lists *ollamatest.Server
	mu    sync.Mutex
	asked map[string]int // by model
	fault func(model string) func(*exchange)
}

// exchange is a request to a wire, and the usual answer to it, which begins with "Once".
type exchange struct {
	net.Conn
	last      bool // the connection ends with it
	kind      string
	said, end string // the halves of the answer
}

// usual are the usual answers by route, in two halves; that of a whole answer has no stream.
var usual = map[string]exchange{
	"/api/chat": {
		kind: "application/x-ndjson", said: `{"message":{"role":"assistant","content":"Once"},"done":false}` + "\n",
		end: `{"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":7,"eval_count":3}` + "\n",
	},
	"/v1/chat/completions": {
		kind: "text/event-stream", said: `data: {"choices":[{"index":0,"delta":{"content":"Once"},"finish_reason":null}]}` + "\n\n",
		end: `data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}` + "\n\ndata: [DONE]\n\n",
	},
	"/v1/messages": {
		kind: "text/event-stream", said: "event: content_block_delta\n" + `data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Once"}}` + "\n\n",
		end: "event: message_delta\n" + `data: {"usage":{"input_tokens":7,"output_tokens":3}}` + "\n\nevent: message_stop\n" + `data: {"type":"message_stop"}` + "\n\n",
	},
	"/api/embed": {kind: "application/json", said: `{"model":"m","embeddings":[[0.5]],`, end: `"prompt_eval_count":7}`},
	"whole": {
		kind: "application/json", said: `{"message":{"role":"assistant","content":"Once"},`, end: `"done":true,"prompt_eval_count":7,"eval_count":3}`,
	},
}

func newWire(t testing.TB, fault func(model string) func(*exchange)) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	w := &wire{Listener: l, lists: ollamatest.New(), asked: map[string]int{}, fault: fault}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go w.serve(conn)
		}
	}()
	return w
}

func (w *wire) serve(conn net.Conn) {
	defer conn.Close()
	requests := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(requests)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if r.Method == http.MethodGet {
			got := httptest.NewRecorder()
			w.lists.ServeHTTP(got, r)
			fmt.Fprintf(conn, "HTTP/1.1 %d OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", got.Code, got.Header().Get("Content-Type"), got.Body.Len(), got.Body)
			continue
		}
		var asked struct{ Model string }
		_ = json.Unmarshal(body, &asked)
		x := usual[r.URL.Path]
		if bytes.Contains(body, []byte(`"stream":false`)) {
			x = usual["whole"]
		}
		if bytes.Contains(body, []byte(`"a call"`)) { // else whether the model is alive
			w.mu.Lock()
			w.asked[asked.Model]++
			w.mu.Unlock()
		}
		x.Conn = conn
		if answer := w.fault(asked.Model); answer != nil {
			x.last = true
			answer(&x)
			return
		}
		x.write(x.head(len(x.said+x.end)) + x.said + x.end)
	}
}

// eachOnWire runs the test on both databases, on an upstream that answers calls for a model by its fault, or as usual if it has none.
func eachOnWire(t *testing.T, env apptest.Env, fault func(model string) func(*exchange), test func(t *testing.T, a *apptest.App, w *wire)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, url string) {
		w := newWire(t, fault)
		with := apptest.Env{"OLLAMA_BASE_URL": "http://" + w.Addr().String()}
		maps.Copy(with, env)
		test(t, apptest.Start(t, url, with), w)
	})
}

func (w *wire) times(model string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[model]
}

func (x *exchange) write(text string) { _, _ = io.WriteString(x.Conn, text) }

// head returns the header of the usual answer, chunked when length is below 0.
func (x *exchange) head(length int) string {
	size := fmt.Sprintf("Content-Length: %d", length)
	if length < 0 {
		size = "Transfer-Encoding: chunked"
	}
	if x.last {
		size += "\r\nConnection: close"
	}
	return "HTTP/1.1 200 OK\r\nContent-Type: " + x.kind + "\r\n" + size + "\r\n\r\n"
}

func chunk(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

// repeat writes a text until the connection is closed, or for twenty seconds.
func (x *exchange) repeat(text string, every time.Duration) {
	_ = x.SetWriteDeadline(time.Now().Add(20 * time.Second))
	for {
		if _, err := io.WriteString(x.Conn, text); err != nil {
			return
		}
		time.Sleep(every)
	}
}

// hang waits until the connection is closed, or for twenty seconds.
func (x *exchange) hang() {
	_ = x.SetReadDeadline(time.Now().Add(20 * time.Second))
	_, _ = x.Read(make([]byte, 1))
}

// faultRoutes are calls over which a fault of the upstream must show alike: one returns what came of it. Those of RPC take turns over the
// protocols.
func faultRoutes(t *testing.T, a *apptest.App, key string) map[string]func(model string) (came string, detail any) {
	t.Helper()
	routes := map[string]func(string) (string, any){}
	for protocol, c := range speakers(a, key) {
		routes["Chat over "+protocol] = func(model string) (string, any) {
			stream, err := c.Ollama.Chat(t.Context(), &paddockv1.ChatRequest{Model: model, Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "a call"}}})
			must(t, err)
			defer stream.Close()
			said, done := "", false
			for stream.Receive() {
				said += stream.Msg().GetContent()
				done = stream.Msg().GetDone()
			}
			wantToldProperly(t, stream.Err())
			return cameOf(strings.Contains(said, "Once"), done, stream.Err() != nil), stream.Err()
		}
	}
	routes["Embed"] = func(model string) (string, any) {
		m, err := a.As(key).Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: model, Input: []string{"a call"}})
		wantToldProperly(t, err)
		return cameOf(len(m.GetEmbeddings()) > 0, err == nil, err != nil), err
	}
	for name, body := range map[string]string{
		"/api/chat":            `{"model":"MODEL","messages":[{"role":"user","content":"a call"}]}`,
		"/api/chat, whole":     `{"model":"MODEL","stream":false,"messages":[{"role":"user","content":"a call"}]}`,
		"/v1/chat/completions": `{"model":"MODEL","stream":true,"messages":[{"role":"user","content":"a call"}]}`,
		"/v1/messages":         `{"model":"MODEL","stream":true,"max_tokens":99,"messages":[{"role":"user","content":"a call"}]}`,
		"/api/embed":           `{"model":"MODEL","input":"a call"}`,
	} {
		path, _, _ := strings.Cut(name, ",")
		routes[name] = func(model string) (string, any) {
			got := askGateway(t, a, http.MethodPost, path, key, strings.ReplaceAll(body, "MODEL", model))
			if got.StatusCode == http.StatusServiceUnavailable && got.Header.Get("Retry-After") == "" || strings.Contains(got.body, "127.0.0.1") {
				t.Errorf("%s, %s: told as %v %s", model, name, got.Header, got.body)
			}
			failed := got.StatusCode != http.StatusOK || strings.Contains(got.body, `"error"`)
			return cameOf(strings.Contains(got.body, "Once") || strings.Contains(got.body, "0.5"), !failed, failed), fmt.Sprint(got.StatusCode, " ", got.body)
		}
	}
	return routes
}

func cameOf(said, done, failed bool) string {
	switch {
	case said && done && !failed:
		return wholeCall
	case said && failed:
		return brokenCall
	case !said && failed:
		return refusedCall
	}
	return fmt.Sprintf("said: %t, done: %t, failed: %t", said, done, failed)
}
