package gateway_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// The streams of the dialects: a request, two pieces and the end, as the upstream writes them, and what an error looks like.
var dialects = []struct{ name, path, request, pieces, end, failure string }{
	{
		"Ollama", "/api/chat", `{"model":"tiny-chat",` + hi + `}`,
		"{\"message\":{\"content\":\"Once\"},\"done\":false}\n{\"message\":{\"content\":\" upon\"},\"done\":false}\n",
		"{\"message\":{\"content\":\"\"},\"done\":true,\"prompt_eval_count\":11,\"eval_count\":3}\n",
		`{"error":"`,
	},
	{
		"generate", "/api/generate", `{"model":"tiny-chat","prompt":"hi"}`,
		"{\"response\":\"Once\",\"done\":false}\n{\"response\":\" upon\",\"done\":false}\n",
		"{\"response\":\"\",\"done\":true,\"prompt_eval_count\":11,\"eval_count\":3}\n",
		`{"error":"`,
	},
	{
		"OpenAI", "/v1/chat/completions", `{"model":"tiny-chat",` + hi + `,"stream":true}`,
		"data: {\"choices\":[{\"delta\":{\"content\":\"Once\"},\"finish_reason\":null}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\" upon\"},\"finish_reason\":null}]}\n\n",
		"data: [DONE]\n\n",
		`data: {"error":{"message":"`,
	},
	{
		"Anthropic", "/v1/messages", `{"model":"tiny-chat","max_tokens":9,"stream":true,` + hi + `}`,
		"event: content_block_delta\ndata: {\"delta\":{\"text\":\"Once\"}}\n\nevent: content_block_delta\ndata: {\"delta\":{\"text\":\" upon\"}}\n\n",
		"event: message_delta\ndata: {\"usage\":{\"input_tokens\":11,\"output_tokens\":3}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
		"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"",
	},
	{
		"Responses", "/v1/responses", `{"model":"tiny-chat","stream":true,"input":"hi"}`,
		"event: response.created\ndata: {\"response\":{\"id\":\"resp_7\"},\"sequence_number\":0}\n\n" +
			"event: response.output_text.delta\ndata: {\"delta\":\"Once \\\"sequence_number\\\":9\",\"sequence_number\":1}\n\n" +
			"event: response.output_text.delta\ndata: {\"delta\":\" upon\",\"sequence_number\":2}\n\n",
		"event: response.completed\ndata: {\"response\":{\"tools\":[{\"input_tokens\":99}],\"usage\":{\"input_tokens\":11,\"output_tokens\":3}}}\n\n",
		"event: error\ndata: {\"type\":\"error\",\"sequence_number\":",
	},
}

// TestStream_Incomplete checks that an incomplete stream ends with an error in the client's dialect, after all that came
// before it.
func TestStream_Incomplete(t *testing.T) {
	const inside = "the runner at /usr/lib/ollama/runner on 10.0.0.3:1234 died"
	for _, d := range dialects {
		cut := d.end[:len(d.end)/2]
		for _, c := range []struct {
			name  string
			steps []ollamatest.Step
		}{
			{"cut", []ollamatest.Step{ollamatest.Raw(d.pieces), ollamatest.Cut()}},
			{"cut in the end", []ollamatest.Step{ollamatest.Raw(d.pieces), ollamatest.Raw(cut), ollamatest.Cut()}},
			{"ends early", []ollamatest.Step{ollamatest.Raw(d.pieces)}},
			{"ends early in the end", []ollamatest.Step{ollamatest.Raw(d.pieces + cut)}},
			{"silent", []ollamatest.Step{ollamatest.Raw(d.pieces), ollamatest.Hang()}},
			{"endless", []ollamatest.Step{ollamatest.Raw(d.pieces), ollamatest.Raw(strings.Repeat("x", 17<<20))}},
			{"error", []ollamatest.Step{ollamatest.Raw(d.pieces), ollamatest.Raw(strings.ReplaceAll(errorOf(d.name), "$", inside)), ollamatest.Raw(d.end)}},
		} {
			t.Run(d.name+" "+c.name, func(t *testing.T) {
				t.Parallel()
				b := start(t, ollamatest.Start(t))
				b.Upstream.Script("tiny-chat", c.steps...)
				got := b.post(t, d.path, d.request)
				rest, ok := strings.CutPrefix(got.Body, d.pieces)
				if got.Status != http.StatusOK || got.Err != nil || !ok || !strings.HasPrefix(rest, d.failure) || strings.Count(rest, "data: ") > strings.Count(d.failure+errorOf(d.name), "data: ") {
					t.Errorf("%d %v %q", got.Status, got.Err, got.Body)
				}
				if d.name == "Responses" && (!strings.HasPrefix(rest, d.failure+"3,") || !strings.Contains(rest, `"sequence_number":4,"response":{"id":"resp_7"`)) {
					t.Errorf("not the response that was begun: %s", rest)
				}
				for _, secret := range []string{"/usr", "10.0.0.3", "127.0.0.1"} {
					if strings.Contains(got.Body, secret) {
						t.Errorf("tells of the inside: %s", rest)
					}
				}
				if r := b.spent(t); r.Outcome != "failed" || r.Completion != 2 || r.Prompt == 0 || !r.Estimated {
					t.Errorf("recorded %+v", r)
				}
			})
		}
	}
}

// errorOf is an error in mid-stream as an upstream sends it, with $ for its message.
func errorOf(dialect string) string {
	switch dialect {
	case "OpenAI":
		return "data: {\"error\":{\"message\":\"$\",\"type\":\"api_error\"}}\n\n"
	case "Responses":
		return "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"$\"}}}\n\n"
	case "Anthropic":
		return "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"$\"}}\n\n"
	}
	return "{\"error\":\"$\"}\n"
}

// TestStream_FailsBeforeFirstPiece checks that a stream that fails before its first piece has the status of an error, and
// costs nothing.
func TestStream_FailsBeforeFirstPiece(t *testing.T) {
	for _, d := range dialects {
		for _, c := range []struct {
			name   string
			steps  []ollamatest.Step
			status int
			retry  bool
		}{
			{"cut", []ollamatest.Step{ollamatest.Cut()}, 503, true},
			{"silent", []ollamatest.Step{ollamatest.Hang()}, 503, true},
			{"error", []ollamatest.Step{ollamatest.Raw(errorOf(d.name))}, 503, true},
			{"nothing", []ollamatest.Step{ollamatest.Raw("")}, 503, true},
			{"queue full", []ollamatest.Step{ollamatest.QueueFull()}, 503, true},
			{"model failed", []ollamatest.Step{ollamatest.Status(500, "llama runner at /usr/lib died: 10.0.0.3:1234")}, 500, false},
			{"model refused", []ollamatest.Step{ollamatest.Status(400, "no, since C:\\models is full")}, 400, false},
			{"unauthorized", []ollamatest.Step{ollamatest.Status(401, "unauthorized")}, 503, true},
			{"bad gateway", []ollamatest.Step{ollamatest.Status(502, "bad gateway")}, 503, true},
			{"other words", []ollamatest.Step{ollamatest.Body([]byte("<html>")), ollamatest.Cut()}, 503, true},
		} {
			t.Run(d.name+" "+c.name, func(t *testing.T) {
				t.Parallel()
				b := start(t, ollamatest.Start(t))
				b.Upstream.Script("tiny-chat", c.steps...)
				got := b.post(t, d.path, d.request)
				prefix := strings.TrimPrefix(strings.TrimPrefix(d.failure, "event: error\n"), "data: ")
				if d.name == "Responses" {
					prefix = `{"error":{"message":"`
				}
				if got.Status != c.status || !strings.HasPrefix(got.Body, prefix) || (got.Header.Get("Retry-After") != "") != c.retry {
					t.Errorf("%d %v %s, want %d", got.Status, got.Header, got.Body, c.status)
				}
				for _, secret := range []string{"/usr", "10.0.0.3", "127.0.0.1", "models"} {
					if strings.Contains(got.Body, secret) {
						t.Errorf("tells of the inside: %s", got.Body)
					}
				}
				if r := b.spent(t); r.Outcome != "failed" || r.Completion != 0 || r.Prompt != 0 {
					t.Errorf("recorded %+v", r)
				}
			})
		}
	}
}

// TestUpstreamUnavailable checks that an unavailable upstream is reported within its connect time-out.
func TestUpstreamUnavailable(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	b.Upstream.Stop()
	for path, body := range map[string]string{
		"/api/chat": dialects[0].request, "/api/embed": `{"model":"tiny-embed","input":"x"}`, "/v1/messages": dialects[3].request,
		"/api/show": `{"model":"tiny-chat"}`,
	} {
		if got := b.post(t, path, body); got.Status != 503 || got.Header.Get("Retry-After") == "" || strings.Contains(got.Body, "127.0.0.1") {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
	for _, path := range []string{"/api/tags", "/api/ps", "/v1/models", "/v1/models/tiny-chat"} {
		if got := send(t, http.MethodGet, b.URL+path, ""); got.Status != 503 || strings.Contains(got.Body, "127.0.0.1") {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
}

// TestWholeAnswer_Incomplete checks that an incomplete answer of every route is an error although the upstream ends it
// cleanly, and costs nothing.
func TestWholeAnswer_Incomplete(t *testing.T) {
	for path, body := range calls {
		b := start(t, ollamatest.Start(t))
		broken := []string{``, ` `, `<html>`, `{"model":"m","mess`, `{"model":"m","eval_count":7`, `{"model":"m"}}`}
		for _, answer := range broken {
			b.Upstream.Script("tiny-chat", ollamatest.Body([]byte(answer)))
			got := b.post(t, path, strings.ReplaceAll(body, "NAME", `"tiny-chat"`))
			if got.Status != 503 || got.Header.Get("Retry-After") == "" || messageOf(t, path, got.Body) != ollama.ErrNonsense.Message {
				t.Errorf("%s: %q is answered as %d %s", path, answer, got.Status, got.Body)
			}
		}
		if path == "/api/show" {
			continue
		}
		for _, r := range b.records(t, len(broken)) {
			if r.Outcome != "failed" || r.Prompt+r.Completion != 0 {
				t.Errorf("%s: recorded %+v", path, r)
			}
		}
	}
}

// TestWholeAnswer_LargeIncomplete checks that the connection is cut when a large answer breaks off: its status was sent, so
// nothing else can show it.
func TestWholeAnswer_LargeIncomplete(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	large := `{"model":"m","embeddings":[[` + strings.Repeat("0.25,", 200_000)
	b.Upstream.Script("tiny-embed", ollamatest.Body([]byte(large)), ollamatest.Cut())
	if got := b.post(t, "/api/embed", `{"model":"tiny-embed","input":"x"}`); got.Err == nil {
		t.Errorf("%d bytes of %d, without an error", len(got.Body), len(large))
	}
	large += `0]],"total_duration":1,"load_duration":1,"prompt_eval_count":4096}`
	b.Upstream.Script("tiny-embed", ollamatest.Body([]byte(large)))
	if got := b.post(t, "/api/embed", `{"model":"tiny-embed","input":"x"}`); got.Body != large || got.Err != nil {
		t.Errorf("%d bytes of %d, %v", len(got.Body), len(large), got.Err)
	}
	all := b.records(t, 2)
	if all[0].Outcome != "failed" || all[1].Prompt != 4096 || all[1].Outcome != "ok" || all[1].Estimated {
		t.Errorf("recorded %+v", all)
	}
}

// TestStream_NotBuffered checks that pieces come as they are made and not when the answer is complete.
func TestStream_NotBuffered(t *testing.T) {
	for _, d := range dialects {
		b := start(t, ollamatest.Start(t))
		goOn := make(chan struct{})
		units := strings.SplitAfter(d.pieces, map[bool]string{true: "\n", false: "\n\n"}[strings.HasPrefix(d.path, "/api")])
		b.Upstream.Script("tiny-chat", ollamatest.Raw(units[0]), ollamatest.Until(goOn), ollamatest.Raw(units[1]+d.end))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.URL+d.path, strings.NewReader(d.request))
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body := bufio.NewReader(res.Body)
		readLine(t, body) // while the upstream waits for us
		close(goOn)
		readLine(t, body)
		res.Body.Close()
	}
}
