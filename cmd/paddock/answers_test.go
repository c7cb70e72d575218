package main

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// varying is what no two answers have in common.
var varying = regexp.MustCompile(`"(created_at|created|completed_at|expires_at|id|call_id|item_id|[a-z_]*duration|request_id)":("[^"]*"|\d+)|"context":\[[0-9,]*\]`)

// same leaves what must be the same of an answer. A real server lists models of one second in any order.
func same(body string) string {
	models := strings.SplitAfter(varying.ReplaceAllString(body, `"$1":0`), "},")
	if strings.HasPrefix(body, `{"models":[`) || strings.HasPrefix(body, `{"object":"list"`) {
		slices.SortFunc(models, func(a, b string) int { return strings.Compare(bare(a), bare(b)) })
		for i := range models {
			models[i] = bare(models[i])
		}
	}
	return strings.Join(models, "")
}

func bare(model string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimPrefix(model, `{"models":[`), `{"object":"list","data":[`), ",]}\n")
}

// TestStockRoutes_AnswersUnchanged checks that answers are the upstream's byte for byte, with its statuses and content
// types, where nothing has to change: each request goes to the upstream as it is, and through the program as it is built.
func TestStockRoutes_AnswersUnchanged(t *testing.T) {
	t.Parallel()
	t.Run("ollamatest", func(t *testing.T) {
		upstream := ollamatest.Start(t).URL
		wantSameAnswers(t, upstream)
		wantSameAnswersToAll(t, upstream)
	})
	t.Run("Ollama", func(t *testing.T) {
		upstream := os.Getenv("OLLAMA_TEST_URL")
		if upstream == "" {
			t.Skip("real Ollama: not run: OLLAMA_TEST_URL is not set (make test-ollama sets it)")
		}
		wantSameAnswers(t, upstream)
		wantSameAnswersToAll(t, upstream)
	})
}

// wantSameAnswersToAll is wantSameAnswers for the requests by which the test Ollama is held against a real one. What is refused
// may be refused in words of our own.
func wantSameAnswersToAll(t *testing.T, upstream string) {
	t.Helper()
	a := start(t, onItsOwn(t).with(environment{"OLLAMA_BASE_URL": upstream}), "serve").app(t)
	asked, err := os.ReadFile("../../internal/ollama/testdata/asked.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(asked), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		method, rest, _ := strings.Cut(line, " ")
		path, body, _ := strings.Cut(rest, " ")
		switch {
		case strings.Contains(path, "count_tokens"): // which Ollama does not have
			continue
		case strings.Contains(body, "previous_response_id"): // which Ollama ignores
			continue
		}
		want := request(t, method, upstream+path, "", body)
		got := request(t, method, a.URL+path, a.AdminKey, body)
		if got.status != want.status || want.status == http.StatusOK && (got.contentType != want.contentType || same(got.body) != same(want.body)) {
			t.Errorf("%s\ngot  %d %s %.3000s\nwant %d %s %.3000s", line, got.status, got.contentType, got.body, want.status, want.contentType, want.body)
		}
	}
}

func wantSameAnswers(t *testing.T, upstream string) {
	t.Helper()
	a := start(t, onItsOwn(t).with(environment{"OLLAMA_BASE_URL": upstream}), "serve").app(t)
	const hi = `"messages":[{"role":"user","content":"hi"}]`
	const photo = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	const schema = `{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}`
	const tool = `{"type":"function","name":"get_weather","description":"weather","strict":false,"parameters":{"type":"object","required":["city"],"properties":{"city":{"type":"string"}}}}`
	const asked = `[{"role":"user","content":[{"type":"input_text","text":"hi"}]},{"type":"reasoning","encrypted_content":"hm"},{"type":"function_call","call_id":"c1","name":"get_weather","arguments":"{\"city\":\"Rome\"}"},{"type":"function_call_output","call_id":"c1","output":"sunny"}]`
	const tools = `"tools":[{"type":"function","function":{"name":"get_weather","description":"weather","parameters":{"type":"object","required":["city"],"properties":{"city":{"type":"string"}}}}}]`
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/", ""},
		{"HEAD", "/", ""},
		{"GET", "/api/version", ""},
		{"HEAD", "/api/version", ""},
		{"GET", "/api/tags", ""},
		{"HEAD", "/api/tags", ""},
		{"GET", "/api/ps", ""},
		{"GET", "/v1/models", ""},
		{"POST", "/api/chat", `{"model":"tiny-chat",` + hi + `}`},
		{"POST", "/api/chat", `{"model":"tiny-chat:latest",` + hi + `}`},
		{"POST", "/api/chat", `{"model":"tiny-chat",` + hi + `,"stream":false}`},
		{"POST", "/api/chat", `{"model":"tiny-chat",` + hi + `,"options":{"num_predict":3,"stop":["x"],"temperature":0.5}}`},
		{"POST", "/api/chat", `{"model":"tiny-chat",` + hi + `,"options":{"stop":["test"]},"stream":false}`},
		{"POST", "/api/chat", `{"model":"tiny-chat"}`},
		{"POST", "/api/chat", `{"model":"tiny-think",` + hi + `,"think":true}`},
		{"POST", "/api/chat", `{"model":"tiny-stuck",` + hi + `,"stream":false}`},
		{"POST", "/api/chat", `{"model":"nope",` + hi + `}`},
		{"POST", "/api/chat", `{"model":"tiny-embed",` + hi + `}`},
		{"POST", "/api/chat", `{"model":"tiny-tools",` + hi + `,` + tools + `}`},
		{"POST", "/api/chat", `{"model":"tiny-tools",` + hi + `,"format":"json","stream":false}`},
		{"POST", "/api/generate", `{"model":"tiny-chat","prompt":"hi","options":{"num_predict":4}}`},
		{"POST", "/api/generate", `{"model":"tiny-chat","prompt":"hi","stream":false}`},
		{"POST", "/api/generate", `{"model":"tiny-chat"}`},
		{"POST", "/api/generate", `{"model":"tiny-embed","prompt":"x"}`},
		{"POST", "/api/generate", `{"model":"nope","prompt":"x"}`},
		{"POST", "/api/embed", `{"model":"tiny-embed","input":"hello world"}`},
		{"POST", "/api/embed", `{"model":"tiny-embed","input":["hello world","zebra"],"dimensions":4}`},
		{"POST", "/api/embed", `{"model":"tiny-embed","input":[]}`},
		{"POST", "/api/embed", `{"model":"tiny-chat","input":"x","dimensions":4}`},
		{"POST", "/api/embed", `{"model":"nope","input":"x"}`},
		{"POST", "/api/show", `{"model":"nope"}`},
		{"POST", "/v1/chat/completions", `{"model":"tiny-chat",` + hi + `}`},
		{"POST", "/v1/chat/completions", `{"model":"tiny-chat",` + hi + `,"stream":true,"max_tokens":3}`},
		{"POST", "/v1/chat/completions", `{"model":"tiny-chat",` + hi + `,"stream":true,"stream_options":{"include_usage":true}}`},
		{"POST", "/v1/chat/completions", `{"model":"tiny-think",` + hi + `}`},
		{"POST", "/v1/chat/completions", `{"model":"tiny-tools",` + hi + `,` + tools + `}`},
		{"POST", "/v1/chat/completions", `{"model":"tiny-tools",` + hi + `,` + tools + `,"stream":true}`},
		{"POST", "/v1/chat/completions", `{"model":"nope",` + hi + `,"stream":true}`},
		{"POST", "/v1/chat/completions", `{"model":"tiny-embed",` + hi + `}`},
		{"POST", "/v1/chat/completions", `{"model":"tiny-chat"}`},
		{"POST", "/v1/completions", `{"model":"tiny-chat","prompt":"hi","max_tokens":3}`},
		{"POST", "/v1/completions", `{"model":"tiny-chat","prompt":"hi","max_tokens":2,"stream":true}`},
		{"POST", "/v1/completions", `{"model":"tiny-chat","prompt":"hi","max_tokens":2,"stream":true,"stream_options":{"include_usage":true}}`},
		{"POST", "/v1/embeddings", `{"model":"tiny-embed","input":["hello world","zebra"],"dimensions":4}`},
		{"POST", "/v1/embeddings", `{"model":"tiny-embed","input":"hello world","encoding_format":"base64"}`},
		{"POST", "/v1/embeddings", `{"model":"nope","input":"x"}`},
		{"POST", "/v1/messages", `{"model":"tiny-chat","max_tokens":64,` + hi + `}`},
		{"POST", "/v1/messages", `{"model":"tiny-chat","max_tokens":3,"stream":true,` + hi + `}`},
		{"POST", "/v1/messages", `{"model":"nope","max_tokens":3,` + hi + `}`},
		{"POST", "/v1/messages", `{"model":"tiny-chat",` + hi + `}`},
		{"POST", "/v1/messages?beta=true", `{"model":"tiny-think","max_tokens":64,"system":[{"type":"text","text":"be kind"}],"thinking":{"type":"enabled","budget_tokens":1024},"output_config":{"effort":"low"},"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}`},
		{"POST", "/v1/messages", `{"model":"tiny-tools","max_tokens":64,"stream":true,"tools":[{"name":"get_weather","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"get_weather","input":{"city":"Rome"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"sunny"}]}]}]}`},
		{"POST", "/v1/messages", `{"model":"tiny-chat","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + photo + `"}}]}]}`},
		{"POST", "/v1/messages", `{"model":"tiny-chat","max_tokens":9,"messages":[{"role":"user","content":"1 ab\u0000cd"}]}`},
		{"POST", "/v1/responses", `{"model":"tiny-chat","input":"hi"}`},
		{"POST", "/v1/responses", `{"model":"tiny-chat","input":"hi","instructions":"be kind","max_output_tokens":3,"temperature":0.5,"top_p":1,"truncation":"auto","store":true}`},
		{"POST", "/v1/responses", `{"model":"tiny-chat","stream":true,"input":` + asked + `}`},
		{"POST", "/v1/responses", `{"model":"tiny-think","stream":true,"input":"hi","reasoning":{"effort":"low","summary":"auto"},"include":["reasoning.encrypted_content"]}`},
		{"POST", "/v1/responses", `{"model":"tiny-tools","input":"hi","tools":[` + tool + `],"tool_choice":"auto","parallel_tool_calls":true}`},
		{"POST", "/v1/responses", `{"model":"tiny-tools","input":"hi","stream":true,"tools":[` + tool + `]}`},
		{"POST", "/v1/responses", `{"model":"tiny-chat","input":"hi","temperature":0,"max_output_tokens":9,"text":{"format":{"type":"json_schema","name":"a","schema":` + schema + `}}}`},
		{"POST", "/v1/responses", `{"model":"tiny-chat","input":[{"role":"user","content":[{"type":"input_image","detail":"auto","image_url":"data:image/png;base64,` + photo + `"}]}]}`},
		{"POST", "/v1/responses", `{"model":"tiny-chat","input":[{"type":"nonsense"}]}`},
		{"POST", "/v1/responses", `{"model":"nope","input":"hi","stream":true}`},
		{"POST", "/v1/responses", `{"model":"tiny-embed","input":"hi"}`},
		{"POST", "/v1/chat/completions", `{"model":"tiny-chat","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}`},
		{"POST", "/v1/chat/completions", `{"model":"tiny-chat","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + photo + `"}}]}]}`},
		{"POST", "/v1/chat/completions", `{"model":"tiny-chat",` + hi + `,"max_tokens":4,"logprobs":true,"top_logprobs":2}`},
		{"POST", "/v1/chat/completions", `{"model":"tiny-chat",` + hi + `,"temperature":0,"max_tokens":9,"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":` + schema + `}}}`},
		{"POST", "/v1/chat/completions", `{"model":"tiny-think",` + hi + `,"reasoning_effort":"low","stream":true}`},
		{"POST", "/api/chat", `{"model":"tiny-chat",` + hi + `,"stream":false,"logprobs":true,"top_logprobs":2,"options":{"num_predict":4}}`},
		{"POST", "/api/chat", `{"model":"tiny-chat",` + hi + `,"stream":false,"format":` + schema + `,"options":{"temperature":0,"num_predict":9}}`},
		{"POST", "/api/chat", `{"model":"tiny-chat",` + hi + `,"stream":false,"keep_alive":"10m","options":{"num_ctx":262144,"num_predict":2}}`},
		{"POST", "/api/chat", `{"model":"tiny-chat","stream":false,"messages":[{"role":"user","content":"what is it","images":["` + photo + `"]}]}`},
		{"POST", "/api/generate", `{"model":"tiny-chat","prompt":"<|fim_prefix|>a","raw":true,"stream":false,"options":{"num_predict":4,"stop":["<|endoftext|>"]}}`},
		{"POST", "/api/generate", `{"model":"tiny-chat","prompt":"hi","template":"{{ .Prompt }}","stream":false,"options":{"num_predict":4}}`},
		{"POST", "/api/embed", `{"model":"tiny-embed","input":["` + strings.Repeat(`a","`, 2500) + `b"],"dimensions":2}`},
	} {
		t.Run(c.method+c.path+c.body[:min(len(c.body), 200)], func(t *testing.T) {
			want := request(t, c.method, upstream+c.path, "", c.body)
			got := request(t, c.method, a.URL+c.path, a.AdminKey, c.body)
			if got.status != want.status || got.contentType != want.contentType || same(got.body) != same(want.body) {
				t.Errorf("got  %d %s %s\nwant %d %s %s", got.status, got.contentType, got.body, want.status, want.contentType, want.body)
			}
		})
	}
}

// TestStockRoutes_Refusals checks that what is not served is refused in its dialect, however large the body, and a missing
// key in words that Ollama's own command line shows.
func TestStockRoutes_Refusals(t *testing.T) {
	t.Parallel()
	a := start(t, onItsOwn(t), "serve").app(t)
	large := `{"model":"tiny-chat","x":"` + strings.Repeat("x", 100<<10) + `"}`
	const noKey = "a valid session token or API key is needed"
	for _, c := range []struct {
		method, path, key string
		status            int
		body              string
	}{
		{"POST", "/api/pull", "", 404, `{"error":"Paddock does not serve this path"}`},
		{"DELETE", "/api/delete", a.AdminKey, 404, `{"error":"Paddock does not serve this path"}`},
		{"PUT", "/api/chat", a.AdminKey, 405, `{"error":"method not allowed"}`},
		{"POST", "/v1/files", a.AdminKey, 404, `{"error":{"message":"Paddock does not serve this path","type":"not_found_error","param":null,"code":"NOT_FOUND"}}`},
		{"POST", "/api/chat", "", 401, `{"error":"` + noKey + `","status":"` + noKey + `"}`},
	} {
		if got := request(t, c.method, a.URL+c.path, c.key, large); got.status != c.status || got.body != c.body {
			t.Errorf("%s %s: %d %s", c.method, c.path, got.status, got.body)
		}
	}
}

// answered is what a client sees of an answer that has come to its end.
type answered struct {
	status            int
	contentType, body string
}

// request asks with a key; "" is none.
func request(t *testing.T, method, url, key, body string) answered {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s breaks off: %v", method, url, err)
	}
	return answered{res.StatusCode, res.Header.Get("Content-Type"), string(b)}
}
