package apptest_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestClientCases: requests that clients of today make, each for its kind. (Bodies that are compressed or large have tests of
// their own.)
func TestClientCases(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"CORS_ALLOWED_ORIGINS": "app://obsidian.md,chrome-extension://jfgfiigpkhlkbnfnbobbkinehhfdhndo"})
	const silence = 1500 * time.Millisecond
	a.Upstream.Script("tiny-slow", ollamatest.Wait(silence), ollamatest.Answer())
	a.Upstream.Script("/api/tags", ollamatest.Body([]byte(`{"models":[{"name":"tiny-chat:latest","model":"tiny-chat:latest","capabilities":["completion","tools"],`+
		`"details":{"family":"llama","context_length":4096,"embedding_length":64}}]}`)))
	const hi = `"messages":[{"role":"user","content":"hi"}]`
	bearer := "Bearer " + a.AdminKey
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("any:"+a.AdminKey))
	for _, c := range []struct {
		name, method, path, authorization, body string
		header                                  http.Header
		status                                  int
		contains, sent, notSent                 string
	}{
		{
			name: "Codex and the AI SDK speak Responses", path: "/v1/responses", authorization: bearer,
			body:   `{"model":"tiny-chat","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}],"instructions":"x","stream":false,"store":false,"tools":[],"tool_choice":"auto","parallel_tool_calls":false,"include":[],"prompt_cache_key":"k"}`,
			status: 200, contains: `"object":"response"`, notSent: "prompt_cache_key",
		},
		{
			name: "Codex offers its model a hosted search", path: "/v1/responses", authorization: bearer,
			body:   `{"model":"tiny-tools","input":"hi","tools":[{"type":"function","name":"shell","parameters":{}},{"type":"web_search","external_web_access":false},{"type":"namespace","name":"n","tools":[{"type":"function","name":"f"},{"type":"web_search"}]}]}`,
			status: 200, sent: `"tools":[{"type":"function","name":"shell","parameters":{}},{"type":"namespace","name":"n","tools":[{"type":"function","name":"f"}]}]`, notSent: "web_search",
		},
		{
			name: "one server tool among local ones", path: "/v1/messages", authorization: bearer,
			body:   `{"model":"tiny-tools","max_tokens":20,` + hi + `,"tools":[{"name":"f","input_schema":{"type":"object"}},{"type":"web_search_20250305","name":"web_search","max_uses":5}]}`,
			status: 200, sent: `"tools":[{"name":"f","input_schema":{"type":"object"}}]`, notSent: "web_search",
		},
		{
			name: "silence before the first byte", path: "/v1/chat/completions", authorization: bearer,
			body: `{"model":"tiny-slow","max_tokens":2,"stream":true,` + hi + `}`, status: 200, contains: "[DONE]",
		},
		{
			name: "a NUL that a tool has read", path: "/v1/messages", authorization: bearer,
			body: `{"model":"tiny-chat","max_tokens":20,"messages":[{"role":"user","content":"1 ab\u0000cd"}]}`, status: 200, sent: `ab\u0000cd`,
		},
		{name: "what models can do", method: http.MethodGet, path: "/api/tags", authorization: bearer, status: 200, contains: `"capabilities":["completion","tools"]`},
		{name: "how much context models have", method: http.MethodGet, path: "/api/tags", authorization: bearer, status: 200, contains: `"context_length":4096,"embedding_length":64`},
		{
			name: "a leftover key of another service", path: "/v1/messages", authorization: bearer, header: http.Header{"X-Api-Key": {"sk-ant-api03-leftover"}},
			body: `{"model":"tiny-chat","max_tokens":20,` + hi + `}`, status: 200,
		},
		{
			name: "an empty key beside ours", path: "/v1/messages", authorization: bearer, header: http.Header{"X-Api-Key": {""}},
			body: `{"model":"tiny-chat","max_tokens":20,` + hi + `}`, status: 200,
		},
		{
			name: "raw completion", path: "/api/generate", authorization: bearer,
			body:   `{"model":"tiny-chat","prompt":"<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>","raw":true,"stream":false,"options":{"num_predict":16,"stop":["<|endoftext|>"]}}`,
			status: 200, sent: `"raw":true`,
		},
		{
			name: "a large context", path: "/api/chat", authorization: bearer,
			body: `{"model":"tiny-chat","stream":false,` + hi + `,"options":{"num_ctx":262144}}`, status: 200, sent: `"num_ctx":262144`,
		},
		{
			name: "Obsidian asks whether it may", method: http.MethodOptions, path: "/api/chat",
			header: http.Header{"Origin": {"app://obsidian.md"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,content-type"}},
			status: 204,
		},
		{name: "a URL with the key in it", method: http.MethodGet, path: "/api/tags", authorization: basic, status: 200},
		{
			name: "counting tokens", path: "/v1/messages/count_tokens", authorization: bearer,
			body: `{"model":"tiny-chat",` + hi + `}`, status: 200, contains: `{"input_tokens":`,
		},
		{
			name: "keep_alive", path: "/api/chat", authorization: bearer,
			body: `{"model":"tiny-chat","keep_alive":"30m","stream":false,` + hi + `}`, status: 200, sent: `"keep_alive":"30m"`,
		},
		{
			name: "a base URL that ends in a slash", path: "/v1//chat/completions", authorization: bearer,
			body: `{"model":"tiny-chat",` + hi + `}`, status: 200, contains: `"chat.completion"`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.method == "" {
				c.method = http.MethodPost
			}
			before := len(a.Upstream.Requests())
			r, err := http.NewRequestWithContext(t.Context(), c.method, a.URL+c.path, strings.NewReader(c.body))
			must(t, err)
			if c.header != nil {
				r.Header = c.header
			}
			if c.authorization != "" {
				r.Header.Set("Authorization", c.authorization)
			}
			res, err := http.DefaultClient.Do(r)
			must(t, err)
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if must(t, err); res.StatusCode != c.status || !strings.Contains(string(body), c.contains) {
				t.Errorf("%d %s", res.StatusCode, body)
			}
			var sent strings.Builder
			for _, r := range a.Upstream.Requests()[before:] {
				sent.Write(r.Body)
			}
			if !strings.Contains(sent.String(), c.sent) || c.notSent != "" && strings.Contains(sent.String(), c.notSent) {
				t.Errorf("sent %s", sent.String())
			}
		})
	}
}
