package ollama_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// TestWire holds the test Ollama to what a real one says on the wire, beyond
// what the client asks: status, content type, and the body or how it begins.
func TestWire(t *testing.T) {
	const (
		json  = "application/json; charset=utf-8"
		lines = "application/x-ndjson"
		chat  = `,"messages":[{"role":"user","content":"hi"}]`
	)
	ollamatest.Each(t, func(t *testing.T, baseURL string) {
		testWire(t, baseURL, []wireCase{
			{"heartbeat", "GET /", "", 200, "text/plain; charset=utf-8", "Ollama is running"},
			{"version", "GET /api/version", "", 200, json, `{"version":"…"}`},
			{"unknown path", "GET /api/nope", "", 404, "text/plain", "404 page not found"},
			{"wrong method", "GET /api/chat", "", 405, "text/plain", "405 method not allowed"},
			{"tags", "GET /api/tags", "", 200, json, `{"models":[{"name":"…`},
			{"ps", "GET /api/ps", "", 200, json, `{"models":[…`},
			{"show", "POST /api/show", `{"model":"tiny-chat"}`, 200, json, `{…"capabilities":["completion"]…}`},
			{"show of an unknown model", "POST /api/show", `{"model":"nope"}`, 404, json, `{"error":"model 'nope' not found"}`},
			{"show of no model", "POST /api/show", `{}`, 400, json, `{"error":"model is required"}`},
			{"chat, streamed", "POST /api/chat", `{"model":"tiny-chat"` + chat + `}`, 200, lines, `{"model":"tiny-chat","created_at":"…Z","message":{"role":"assistant","content":"Hello"},"done":false}…\u003cb\u003e…"eval_count":27,…`},
			{"chat, whole", "POST /api/chat", `{"model":"tiny-chat","stream":false` + chat + `}`, 200, json, `{"model":"tiny-chat","created_at":"…Z","message":{"role":"assistant","content":"Hello! I am …Good bye.\n"},"done":true,"done_reason":"stop","total_duration":…}`},
			{"chat that only loads", "POST /api/chat", `{"model":"tiny-chat"}`, 200, json, `{"model":"tiny-chat","created_at":"…Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"load"}`},
			{"chat of an unknown model", "POST /api/chat", `{"model":"nope"` + chat + `}`, 404, json, `{"error":"model 'nope' not found"}`},
			{"chat of no model", "POST /api/chat", `{"messages":[]}`, 400, json, `{"error":"model is required"}`},
			{"chat of an embedding model", "POST /api/chat", `{"model":"tiny-embed"` + chat + `}`, 400, json, `{"error":"\"tiny-embed\" does not support chat"}`},
			{"chat with a bad option", "POST /api/chat", `{"model":"tiny-chat","options":{"num_predict":"many"}` + chat + `}`, 500, json, `{"error":"option \"num_predict\" must be of type integer"}`},
			{"chat with a thought", "POST /api/chat", `{"model":"tiny-think"` + chat + `}`, 200, lines, `{"model":"tiny-think","created_at":"…Z","message":{"role":"assistant","content":"","thinking":"Let"},"done":false}…`},
			{"chat without a body", "POST /api/chat", "", 400, json, `{"error":"missing request body"}`},
			{"chat cut short", "POST /api/chat", `{"model":`, 400, json, `{"error":"unexpected EOF"}`},
			{"chat that is no JSON", "POST /api/chat", "hello", 400, json, `{"error":"invalid character 'h' looking for beginning of value"}`},
			{"the last model wins", "POST /api/chat", `{"model":"nope","MODEL":"tiny-chat","stream":false` + chat + `} x`, 200, json, `{"model":"tiny-chat",…`},
			{"generate, streamed", "POST /api/generate", `{"model":"tiny-chat","prompt":"hi"}`, 200, lines, `{"model":"tiny-chat","created_at":"…Z","response":"Hello","done":false}…"eval_count":27,…`},
			{"generate of an unknown model", "POST /api/generate", `{"model":"nope","prompt":"x"}`, 404, json, `{"error":"model 'nope' not found"}`},
			{"generate of an embedding model", "POST /api/generate", `{"model":"tiny-embed","prompt":"x"}`, 400, json, `{"error":"\"tiny-embed\" does not support generate"}`},
			{"unloading a model", "POST /api/generate", `{"model":"tiny-chat","keep_alive":0}`, 200, json, `{"model":"tiny-chat","created_at":"…Z","response":"","done":true,"done_reason":"unload"}`},
			{"unloading an embedding model", "POST /api/generate", `{"model":"tiny-embed","keep_alive":0}`, 200, json, `{"model":"tiny-embed","created_at":"…Z","response":"","done":true,"done_reason":"unload"}`},
			{"embed", "POST /api/embed", `{"model":"tiny-embed","input":"hello world"}`, 200, json, `{"model":"tiny-embed","embeddings":[[…]],"total_duration":…,"load_duration":…,"prompt_eval_count":12}`},
			{"embed of nothing", "POST /api/embed", `{"model":"tiny-embed","input":""}`, 200, json, `{"model":"tiny-embed","embeddings":[]}`},
			{"embed of a number", "POST /api/embed", `{"model":"tiny-embed","input":42}`, 400, json, `{"error":"invalid input type"}`},
			{"embed by a chat model", "POST /api/embed", `{"model":"tiny-chat","input":"x","dimensions":4}`, 200, json, `{"model":"tiny-chat","embeddings":[[1,0,0,0]],…`},
			{"embed of an unknown model", "POST /api/embed", `{"model":"nope","input":"x"}`, 404, json, `{"error":"model \"nope\" not found, try pulling it first"}`},
			{"embed of no model", "POST /api/embed", `{"input":"x"}`, 500, json, `{"error":"unqualified name: registry.ollama.ai/library/!MISSING!:latest"}`},
		})
		for _, foreign := range []string{"Origin", "Host"} {
			t.Run("foreign "+foreign, func(t *testing.T) {
				status, _, body := ask(t, "GET", baseURL+"/api/version", "", map[string]string{foreign: "http://evil.example"})
				if status != http.StatusForbidden || body != "" {
					t.Errorf("status %d, body %q, want 403 and nothing", status, body)
				}
			})
		}
	})
}

// wireCase is a request and what is answered to it.
type wireCase struct {
	name, route, request string
	status               int
	contentType          string
	wantBody             string // "…" stands for anything
}

func testWire(t *testing.T, baseURL string, cases []wireCase) {
	for _, x := range cases {
		t.Run(x.name, func(t *testing.T) {
			method, path, _ := strings.Cut(x.route, " ")
			status, contentType, body := ask(t, method, baseURL+path, x.request, nil)
			if status != x.status || contentType != x.contentType {
				t.Errorf("status %d, %q, want %d, %q", status, contentType, x.status, x.contentType)
			}
			if !ollamatest.Like(body, x.wantBody) {
				t.Errorf("body %.500s\nwant %s", body, x.wantBody)
			}
		})
	}
}

func ask(t *testing.T, method, url, body string, header map[string]string) (status int, contentType, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	if host, ok := header["Host"]; ok {
		r.Host = strings.TrimPrefix(host, "http://")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Content-Type"), string(b)
}
