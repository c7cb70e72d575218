package gateway_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// goneClient leaves as soon as something is written to it.
type goneClient struct {
	*httptest.ResponseRecorder
	leave func()
}

func (c goneClient) Write([]byte) (int, error) {
	c.leave()
	return 0, io.ErrClosedPipe
}

// TestCost_ClientGone checks that an answer that is not streamed counts in full although its client has disconnected: the
// model has done its work before the first byte of it comes.
func TestCost_ClientGone(t *testing.T) {
	for name, size := range map[string]int{"small": 1 << 10, "large": 4 << 20} {
		t.Run(name, func(t *testing.T) {
			b := start(t, ollamatest.Start(t))
			answer := `{"message":{"content":"` + strings.Repeat("x", size) + `"},"done":true,"prompt_eval_count":213,"eval_count":4096}`
			b.Upstream.Script("tiny-chat", ollamatest.Body([]byte(answer)))
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/chat", nil)
			req.Body = readBody{bytes.NewBufferString(`{"model":"tiny-chat",` + hi + `,"stream":false}`)}
			func() {
				defer func() { _ = recover() }() // net/http's, which cuts the connection
				b.handler.ServeHTTP(goneClient{httptest.NewRecorder(), leave}, req)
			}()
			if r := b.spent(t); r.Prompt != 213 || r.Completion != 4096 || r.Estimated || r.Outcome != "aborted" {
				t.Errorf("recorded %+v", r)
			}
		})
	}
}

// TestCost_CountsBeforeContent checks that counts are found that stand before most of an answer, as they do with logprobs.
func TestCost_CountsBeforeContent(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	answer := `{"message":{"content":"x"},"done":true,"prompt_eval_count":213,"eval_count":4096,"logprobs":[` +
		strings.Repeat(`{"token":"x","logprob":-0.5,"bytes":[120]},`, 20_000) + `{"token":"x"}]}`
	b.Upstream.Script("tiny-chat", ollamatest.Body([]byte(answer)))
	if got := b.post(t, "/api/chat", `{"model":"tiny-chat",`+hi+`,"stream":false,"logprobs":true}`); got.Body != answer || got.Err != nil {
		t.Errorf("%d bytes of %d, %v", len(got.Body), len(answer), got.Err)
	}
	if r := b.spent(t); r.Prompt != 213 || r.Completion != 4096 || r.Estimated || r.Outcome != "ok" {
		t.Errorf("recorded %+v", r)
	}
}

// TestCost_WholeAnswerWithoutCounts checks that an answer that is not streamed and has no counts is estimated by the text in
// it.
func TestCost_WholeAnswerWithoutCounts(t *testing.T) {
	for _, c := range []struct {
		path, answer string
		completion   int64
		outcome      string
	}{
		{"/api/chat", `{"model":"m","created_at":"2026-11-22T19:59:32Z","message":{"role":"assistant","content":"123456","thinking":"789"},"done":false}`, 3, "failed"},
		{"/api/generate", `{"model":"m","created_at":"2026-11-22T19:59:32Z","response":"123456","done":false}`, 2, "failed"},
		{"/api/generate", `{"model":"m","created_at":"2026-11-22T19:59:32Z","response":"123456","done":true}`, 2, "ok"},
		{"/v1/chat/completions", `{"id":"chatcmpl-1","choices":[{"index":0,"message":{"role":"assistant","content":"123456"}}],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}`, 2, "ok"},
		{"/v1/completions", `{"id":"cmpl-1","choices":[{"index":0,"text":"123456"}],"usage":{"prompt_tokens":0,"completion_tokens":0}}`, 2, "ok"},
		{"/v1/messages", `{"id":"msg_1","content":[{"type":"thinking","thinking":"123"},{"type":"text","text":"456"}],"usage":{"input_tokens":0,"output_tokens":0}}`, 2, "ok"},
	} {
		b := start(t, ollamatest.Start(t))
		b.Upstream.Script("tiny-chat", ollamatest.Body([]byte(c.answer)))
		body := `{"model":"tiny-chat","max_tokens":9,"stream":false,` + hi + `}`
		if strings.HasSuffix(c.path, "generate") || c.path == "/v1/completions" {
			body = `{"model":"tiny-chat","stream":false,"prompt":"hi"}`
		}
		if got := b.post(t, c.path, body); got.Status != http.StatusOK || got.Body != c.answer {
			t.Errorf("%s: %d %s", c.path, got.Status, got.Body)
		}
		if r := b.spent(t); r.Completion != c.completion || r.Prompt == 0 || !r.Estimated || r.Outcome != c.outcome {
			t.Errorf("%s: recorded %+v", c.path, r)
		}
	}
}

// TestCost_EmbeddingsWithoutCount checks that embeddings without a count are estimated by their prompt, however large the
// vectors; an empty input costs nothing.
func TestCost_EmbeddingsWithoutCount(t *testing.T) {
	vector := `[` + strings.Repeat("0.5,", 100_000) + `0.5]`
	for _, c := range []struct {
		path, body, answer string
		prompt             int64
		estimated          bool
	}{
		{"/api/embed", `"input":"1234567"`, `{"model":"m","embeddings":[[0.5]]}`, 3, true},
		{"/api/embed", `"input":["1234567"]`, `{"model":"m","embeddings":[` + vector + `]}`, 4, true},
		{"/api/embeddings", `"prompt":"1234567"`, `{"model":"m","embeddings":[[0.5]]}`, 3, true},
		{"/v1/embeddings", `"input":"1234567"`, `{"data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":0,"total_tokens":0}}`, 3, true},
		{"/api/embed", `"input":""`, `{"model":"m","embeddings":[]}`, 0, false},
		{"/api/embed", `"input":[]`, `{"model":"m","embeddings":[]}`, 0, false},
	} {
		b := start(t, ollamatest.Start(t))
		b.Upstream.Script("tiny-embed", ollamatest.Body([]byte(c.answer)))
		if got := b.post(t, c.path, `{"model":"tiny-embed",`+c.body+`}`); got.Status != http.StatusOK {
			t.Errorf("%s: %d %s", c.path, got.Status, got.Body)
		}
		if r := b.spent(t); r.Prompt != c.prompt || r.Completion != 0 || r.Estimated != c.estimated || r.Outcome != "ok" {
			t.Errorf("%s %s: recorded %+v", c.path, c.body, r)
		}
	}
}

// TestFirstByteTimeout_WholeAnswer checks that the bound for the first token does not hold for an answer that is not
// streamed, whose first byte comes with its last.
func TestFirstByteTimeout_WholeAnswer(t *testing.T) {
	for path, body := range map[string]string{
		"/api/chat":  `{"model":"tiny-chat",` + hi + `,"stream":false}`,
		"/api/embed": `{"model":"tiny-embed","input":"hello world"}`,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			b := start(t, ollamatest.Start(t))
			b.Upstream.Script(path, ollamatest.Wait(3200*time.Millisecond), ollamatest.Answer()) // the first token has 3 s
			if got := b.post(t, path, body); got.Status != http.StatusOK {
				t.Errorf("%d %s", got.Status, got.Body)
			}
			if r := b.spent(t); r.Outcome != "ok" || r.Prompt == 0 {
				t.Errorf("recorded %+v", r)
			}
		})
	}
}

// TestQuota_PromptInEveryField checks that a prompt counts against the quota in every field that the model reads.
func TestQuota_PromptInEveryField(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	quota := int64(2000)
	b.Caller.Quota.TokensPerDay = &quota
	long := strings.Repeat("x", 900_000)
	for _, c := range []struct{ path, body string }{
		{"/api/chat", `{"model":"tiny-chat",` + hi + `,"tools":[{"function":{"parameters":{"properties":{"` + long + `":{}}}}}]}`},
		{"/api/chat", `{"model":"tiny-chat",` + hi + `,"tools":[{"function":{"parameters":{"source":"` + long + `"}}}]}`},
		{"/api/chat", `{"model":"tiny-chat",` + hi + `,"tools":[{"function":{"parameters":{"enum":[` + strings.Repeat("1,", 10_000) + `1]}}}]}`},
		{"/api/chat", `{"model":"tiny-chat","messages":[{"role":"user","content":"x","images":["aGk=","aGk=","aGk="]}]}`},
		{"/api/generate", `{"model":"tiny-chat","prompt":"hi","images":["aGk=","aGk=","aGk="]}`},
		{"/v1/chat/completions", `{"model":"tiny-chat","messages":[{"role":"user","content":[{"type":"text","text":"x","image_url":{"text":"` + long + `"}}]}]}`},
		{"/v1/messages", `{"model":"tiny-chat","max_tokens":9,"messages":[{"role":"user","content":[{"type":"tool_use","input":{"source":"` + long + `"}}]}]}`},
	} {
		if got := b.post(t, c.path, c.body); got.Status != http.StatusTooManyRequests {
			t.Errorf("%s %.100s: %d %.100s", c.path, c.body, got.Status, got.Body)
		}
	}
	if all := b.Upstream.Posts(); len(all) > 0 {
		t.Errorf("%s %.100s went upstream", all[0].Path, all[0].Body)
	}
}
