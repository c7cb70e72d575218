package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestCost_HostileCounts checks, in every dialect, that what an upstream says of the tokens of an answer is believed up to the
// call's limit and no further, and that what is no count is none.
func TestCost_HostileCounts(t *testing.T) {
	const (
		lines, events, whole = "application/x-ndjson", "text/event-stream", "application/json"
		messages             = `"messages":[{"role":"user","content":"hi"}]`
		limit                = 50
	)
	answers := []struct{ path, body, kind, answer string }{
		{"/api/chat", messages + `,"options":{"num_predict":50}`, lines, "{\"message\":{\"content\":\"a\"},\"done\":false}\n{\"message\":{\"content\":\"\"},\"done\":true,\"prompt_eval_count\":3,\"eval_count\":N}\n"},
		{"/api/chat", messages + `,"stream":false,"options":{"num_predict":50}`, whole, `{"message":{"content":"aaa"},"done":true,"prompt_eval_count":3,"eval_count":N}`},
		{"/api/generate", `"prompt":"hi","options":{"num_predict":50}`, lines, "{\"response\":\"a\",\"done\":false}\n{\"response\":\"\",\"done\":true,\"prompt_eval_count\":3,\"eval_count\":N}\n"},
		{"/v1/chat/completions", messages + `,"max_tokens":50`, whole, `{"choices":[{"message":{"content":"aaa"}}],"usage":{"prompt_tokens":3,"completion_tokens":N,"total_tokens":1}}`},
		{"/v1/chat/completions", messages + `,"max_tokens":50,"stream":true`, events, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":N}}\n\ndata: [DONE]\n\n"},
		{"/v1/messages", messages + `,"max_tokens":50`, whole, `{"content":[{"type":"text","text":"aaa"}],"usage":{"input_tokens":3,"output_tokens":N}}`},
		{"/v1/messages", messages + `,"max_tokens":50,"stream":true`, events, "event: content_block_delta\ndata: {\"delta\":{\"text\":\"a\"}}\n\nevent: message_delta\ndata: {\"usage\":{\"input_tokens\":3,\"output_tokens\":N}}\n\nevent: message_stop\ndata: {}\n\n"},
		{"/v1/responses", `"input":"hi","max_output_tokens":50`, whole, `{"output":[{"content":[{"text":"aaa"}]}],"usage":{"input_tokens":3,"output_tokens":N}}`},
		{"/v1/responses", `"input":"hi","max_output_tokens":50,"stream":true`, events, "event: response.output_text.delta\ndata: {\"delta\":\"a\"}\n\nevent: response.completed\ndata: {\"response\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":N}}}\n\n"},
	}
	for value, want := range map[string]int64{
		"40": 40, "50": limit, "51": limit, "1" + strings.Repeat("0", 30): limit, "9223372036854775807": limit, "1e30": limit, "1e400": limit,
		"40.9": 40, "4e1": 40, "-5": 0, "-1e30": 0, `"40"`: 0, "null": 0,
	} {
		for _, c := range answers {
			t.Run(fmt.Sprintf("%s %s %.12s", c.path, c.kind, value), func(t *testing.T) {
				b := startAnswering(t, http.StatusOK, c.kind, strings.Replace(c.answer, "N", value, 1))
				b.post(t, c.path, `{"model":"tiny-chat",`+c.body+`}`)
				if r := b.spent(t); r.Completion != want || r.Prompt != 3 || r.Outcome != "ok" {
					t.Errorf("recorded %+v, want %d completion tokens", r, want)
				}
			})
		}
	}
}
