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
var varying = regexp.MustCompile(`"(created_at|created|expires_at|id|[a-z_]*duration|request_id)":("[^"]*"|\d+)`)

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

// TestAnswersAreTheUpstreamsOwn byte for byte, with its statuses and content types, where nothing has to change: each
// request goes to the upstream as it is, and through the program as it is built.
func TestAnswersAreTheUpstreamsOwn(t *testing.T) {
	t.Parallel()
	t.Run("ollamatest", func(t *testing.T) { wantSameAnswers(t, ollamatest.Start(t).URL) })
	t.Run("Ollama", func(t *testing.T) {
		upstream := os.Getenv("OLLAMA_TEST_URL")
		if upstream == "" {
			t.Skip("real Ollama: not run: OLLAMA_TEST_URL is not set (make test-ollama sets it)")
		}
		wantSameAnswers(t, upstream)
	})
}

func wantSameAnswers(t *testing.T, upstream string) {
	t.Helper()
	a := start(t, onItsOwn(t).with(environment{"OLLAMA_BASE_URL": upstream}), "serve").app(t)
	const hi = `"messages":[{"role":"user","content":"hi"}]`
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
	} {
		t.Run(c.method+c.path+c.body, func(t *testing.T) {
			want := request(t, c.method, upstream+c.path, "", c.body)
			got := request(t, c.method, a.URL+c.path, a.AdminKey, c.body)
			if got.status != want.status || got.contentType != want.contentType || same(got.body) != same(want.body) {
				t.Errorf("got  %d %s %s\nwant %d %s %s", got.status, got.contentType, got.body, want.status, want.contentType, want.body)
			}
		})
	}
}

// TestWhatIsNotServedIsToldInItsDialect, however large what was sent along, and a missing key in words that Ollama's own
// command line shows.
func TestWhatIsNotServedIsToldInItsDialect(t *testing.T) {
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
