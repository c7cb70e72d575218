package ollama_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// TestWire_Dialects does for the routes under /v1, and for what Ollama's own take beside text, what TestWire does for
// the rest.
func TestWire_Dialects(t *testing.T) {
	const (
		json    = "application/json"
		early   = "application/json; charset=utf-8" // of what Ollama refuses before it looks at the model
		events  = "text/event-stream"
		lines   = "application/x-ndjson"
		hi      = `,"messages":[{"role":"user","content":"hi"}]`
		schema  = `{"type":"object","required":["city"],"properties":{"city":{"type":"string"}}}`
		native  = `,"tools":[{"type":"function","function":{"name":"get_weather","parameters":` + schema + `}}]`
		flat    = `,"tools":[{"type":"function","name":"get_weather","parameters":` + schema + `}]`
		claude  = `,"max_tokens":50,"tools":[{"name":"get_weather","input_schema":` + schema + `}]`
		picture = "data:image/png;base64,aGVsbG8="
		refused = `{"error":{"message":"…","type":"invalid_request_error","param":null,"code":null}}`
	)
	ollamatest.Each(t, func(t *testing.T, baseURL string) {
		testWire(t, baseURL, []wireCase{
			{"tool call, streamed", "POST /api/chat", `{"model":"tiny-tools"` + hi + native + `}`, 200, lines, `{"model":"tiny-tools",…"message":{"role":"assistant","content":"","tool_calls":[{"id":"call_…","function":{"index":0,"name":"get_weather","arguments":{"city":"Berlin"}}}]},"done":false}…"done_reason":"stop",…"eval_count":6,…`},
			{"tools of a model without", "POST /api/chat", `{"model":"tiny-chat"` + hi + native + `}`, 400, early, `{"error":"registry.ollama.ai/library/tiny-chat:latest does not support tools"}`},
			{"image for a model without", "POST /api/chat", `{"model":"tiny-chat","stream":false,"messages":[{"role":"user","content":"hi","images":["aGVsbG8="]}]}`, 200, early, `…"content":"Hello!…"prompt_eval_count":18,…`},
			{"image that is none", "POST /api/chat", `{"model":"tiny-chat","messages":[{"role":"user","content":"hi","images":["%%%"]}]}`, 400, early, `{"error":"illegal base64 data at input byte 0"}`},
			{"NUL", "POST /api/chat", `{"model":"tiny-chat","stream":false,"messages":[{"role":"user","content":"h\u0000i"}]}`, 200, early, `…"prompt_eval_count":12,…`},
			{"JSON", "POST /api/chat", `{"model":"tiny-chat","stream":false,"format":"json"` + hi + `}`, 200, early, `…"content":"{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Berlin\"}}"…`},
			{"JSON of no known kind", "POST /api/chat", `{"model":"tiny-chat","format":"xml"` + hi + `}`, 500, json, `{"error":"invalid format: \"\\\"xml\\\"\"; expected \"json\" or a valid JSON Schema object"}`},
			{"logprobs", "POST /api/chat", `{"model":"tiny-chat","stream":false,"logprobs":true,"top_logprobs":1,"options":{"num_predict":1}` + hi + `}`, 200, early, `…"logprobs":[{"token":"Hello","logprob":0,"bytes":[72,101,108,108,111],"top_logprobs":[{"token":"Hello","logprob":0,"bytes":[72,101,108,108,111]}]}]…`},
			{"thoughts not wanted", "POST /api/chat", `{"model":"tiny-think","stream":false,"think":false` + hi + `}`, 200, early, `…"content":"\u003cthink\u003eLet me think about this\u003c/think\u003eThe answer is 42"…`},
			{"thoughts of a model without", "POST /api/chat", `{"model":"tiny-chat","think":true` + hi + `}`, 400, early, `{"error":"\"tiny-chat\" does not support thinking"}`},
			{"keep_alive", "POST /api/chat", `{"model":"tiny-chat","stream":false,"keep_alive":"10m"` + hi + `}`, 200, early, `…"content":"Hello!…`},
			{"keep_alive that is none", "POST /api/chat", `{"model":"tiny-chat","keep_alive":"soon"` + hi + `}`, 400, early, `{"error":"time: invalid duration \"soon\""}`},
			{"raw", "POST /api/generate", `{"model":"tiny-chat","stream":false,"raw":true,"prompt":"<|think|>"}`, 200, early, `…"response":"\u003cthink\u003eLet me think…"prompt_eval_count":2,…`},
			{"template", "POST /api/generate", `{"model":"tiny-chat","stream":false,"template":"{{ .Prompt }}<|think|>","prompt":"hi"}`, 200, early, `…"response":"\u003cthink\u003eLet me think…"prompt_eval_count":4,…`},
			{"suffix of a model without", "POST /api/generate", `{"model":"tiny-chat","prompt":"a","suffix":"b"}`, 400, early, `{"error":"registry.ollama.ai/library/tiny-chat:latest does not support insert"}`},
			{"embed cut to dimensions", "POST /api/embed", `{"model":"tiny-chat","input":["a","b"],"dimensions":2,"truncate":true}`, 200, early, `{"model":"tiny-chat","embeddings":[[1,0],[1,0]],…"prompt_eval_count":4}`},
			{"embed of too much", "POST /api/embed", `{"model":"tiny-embed","input":"` + strings.Repeat("abc ", 300) + `","truncate":false}`, 400, early, `{"error":"the input length exceeds the context length"}`},
			{"a slash too many", "GET /api//version", "", 200, early, `{"version":"…"}`},

			{"completions, tool call", "POST /v1/chat/completions", `{"model":"tiny-tools"` + hi + native + `}`, 200, json, `…"message":{"role":"assistant","content":"","tool_calls":[{"id":"call_…","index":0,"type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Berlin\"}"}}]},"finish_reason":"tool_calls"}],"usage":…`},
			{"completions, tool call, streamed", "POST /v1/chat/completions", `{"model":"tiny-tools","stream":true` + hi + native + `}`, 200, events, `data: {…"delta":{"role":"assistant","content":"","tool_calls":[{…}]},"finish_reason":null}]}` + "\n\n" + `data: {…"finish_reason":"tool_calls"}]}` + "\n\ndata: [DONE]\n\n"},
			{"completions, parts", "POST /v1/chat/completions", `{"model":"tiny-chat","messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":"` + picture + `"}}]}]}`, 200, json, `…"content":"Hello!…"prompt_tokens":20,…`},
			{"completions, part of no known kind", "POST /v1/chat/completions", `{"model":"tiny-chat","messages":[{"role":"user","content":[{"type":"input_audio"}]}]}`, 400, early, refused},
			{"completions, logprobs", "POST /v1/chat/completions", `{"model":"tiny-chat","logprobs":true,"max_tokens":1` + hi + `}`, 200, json, `…"logprobs":{"content":[{"token":"Hello","logprob":0,"bytes":[72,101,108,108,111]}]}…`},
			{"completions that are no JSON", "POST /v1/chat/completions", `{`, 400, early, `{"error":{"message":"unexpected EOF","type":"invalid_request_error",…`},
			{"model", "GET /v1/models/tiny-chat", "", 200, json, `{"id":"tiny-chat","object":"model","created":…,"owned_by":"library"}` + "\n"},
			{"unknown model", "GET /v1/models/nope", "", 404, json, `{"error":{"message":"model 'nope' not found","type":"api_error",…`},

			{"response", "POST /v1/responses", `{"model":"tiny-chat","input":"hi","previous_response_id":"x","conversation":"y"}`, 200, json, `{"id":"resp_…","object":"response",…"status":"completed",…"previous_response_id":null,…"output":[{"id":"msg_…","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hello!…`},
			{"response, streamed", "POST /v1/responses", `{"model":"tiny-think","input":"hi","stream":true}`, 200, events, "event: response.created\ndata: {…event: response.in_progress\n…event: response.output_item.added\n…event: response.reasoning_summary_text.delta\n…event: response.reasoning_summary_text.done\n…event: response.output_item.done\n…event: response.output_item.added\n…event: response.content_part.added\n…event: response.output_text.delta\n…event: response.output_text.done\n…event: response.content_part.done\n…event: response.output_item.done\n…event: response.completed\n…" + `"output_tokens":12,…`},
			{"response, call", "POST /v1/responses", `{"model":"tiny-tools","input":[{"role":"user","content":[{"type":"input_text","text":"hi"},{"type":"input_image","image_url":"` + picture + `"}]},{"type":"reasoning","encrypted_content":"hm"},{"type":"function_call","call_id":"c","name":"get_weather","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"sun"}]` + flat + `}`, 200, json, `…"output":[{"id":"fc_…","type":"function_call","status":"completed","call_id":"call_…","name":"get_weather","arguments":"{\"city\":\"Berlin\"}"}]…`},
			{"response to items of no known kind", "POST /v1/responses", `{"model":"tiny-chat","input":[{"type":"item_reference","id":"x"}]}`, 400, early, `{"error":{"message":"input[0]: unknown input item type: item_reference",…`},

			{"message, streamed", "POST /v1/messages", `{"model":"tiny-think","max_tokens":50,"stream":true` + hi + `}`, 200, events, `event: message_start…"content_block":{"type":"thinking","thinking":""}}…"delta":{"type":"thinking_delta","thinking":"Let"}}…event: content_block_stop…"content_block":{"type":"text","text":""}}…"delta":{"type":"text_delta","text":"The"}}…"delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":11,"output_tokens":12}}…event: message_stop…`},
			{"message, tool call", "POST /v1/messages", `{"model":"tiny-tools"` + hi + claude + `}`, 200, json, `…"content":[{"type":"tool_use","id":"call_…","name":"get_weather","input":{"city":"Berlin"}}],"stop_reason":"tool_use",…`},
			{"message, tool call, streamed", "POST /v1/messages", `{"model":"tiny-tools","stream":true` + hi + claude + `}`, 200, events, `…"content_block":{"type":"tool_use","id":"call_…","name":"get_weather","input":{}}}…"delta":{"type":"input_json_delta","partial_json":"{\"city\":\"Berlin\"}"}}…"stop_reason":"tool_use"…`},
			{"message, blocks", "POST /v1/messages?beta=true", `{"model":"tiny-tools","system":[{"type":"text","text":"be kind"}],"thinking":{"type":"enabled","budget_tokens":1024},"output_config":{"effort":"low"},"tool_choice":{"type":"auto"},"messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGVsbG8="}}]},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"x"},{"type":"tool_use","id":"t","name":"get_weather","input":{"city":"Berlin"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"sun"}]}]}]` + claude + `}`, 200, json, `…"stop_reason":"tool_use",…`},
			{"message of no kind of content", "POST /v1/messages", `{"model":"tiny-chat","max_tokens":5,"messages":[{"role":"user","content":["hi"]}]}`, 400, early, `{"type":"error","error":{"type":"invalid_request_error","message":"invalid content block format"},"request_id":"req_…"}`},
			{"tokens of a message", "POST /v1/messages/count_tokens", `{"model":"tiny-chat"` + hi + `}`, 404, "text/plain", "404 page not found"},
		})
		t.Run("zstd", func(t *testing.T) { testZstd(t, baseURL) })
	})
}

// testZstd asks in zstd, which one route decodes.
func testZstd(t *testing.T, baseURL string) {
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(`{"model":"tiny-chat","input":"hi","messages":[{"role":"user","content":"hi"}]}`)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	for path, want := range map[string]int{"/v1/responses": 200, "/v1/chat/completions": 400, "/api/chat": 400} {
		status, _, body := ask(t, "POST", baseURL+path, packed.String(), map[string]string{"Content-Encoding": "zstd"})
		if status != want {
			t.Errorf("%s: status %d, want %d: %s", path, status, want, body)
		}
	}
}
