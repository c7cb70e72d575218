package dialect

import "testing"

func TestRemark(t *testing.T) {
	for _, c := range []struct {
		dialect       Dialect
		unit          string
		model, reason string
	}{
		{Ollama, `{"model":"llama3.2","message":{"role":"assistant","content":"{\"model\":\"x\"}"},"done":false}` + "\n", "llama3.2:latest", ""},
		{Ollama, `{"model":"llama3.2","done":true,"done_reason":"length"}` + "\n", "llama3.2:latest", "length"},
		{OpenAI, "data: {\"model\":\"a:1b\",\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}\n\n", "a:1b", ""},
		{OpenAI, "data: {\"model\":\"a:1b\",\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n", "a:1b", "tool_calls"},
		{OpenAI, `{"model":"a:1b","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}`, "a:1b", "stop"},
		{OpenAI, "data: [DONE]\n\n", "", ""},
		{Anthropic, "event: message_start\ndata: {\"message\":{\"model\":\"a:1b\",\"stop_reason\":null}}\n\n", "a:1b", ""},
		{Anthropic, "event: message_delta\ndata: {\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n", "", "end_turn"},
		{Anthropic, `{"model":"a:1b","stop_reason":"max_tokens"}`, "a:1b", "max_tokens"},
		{Responses, "event: response.completed\ndata: {\"response\":{\"model\":\"a:1b\",\"status\":\"completed\"}}\n\n", "a:1b", "completed"},
		{Responses, `{"model":"a:1b","status":"incomplete"}`, "a:1b", "incomplete"},
		{Ollama, `{"model":"what somebody said","done_reason":"my password is"}`, "", ""},
		{Ollama, `no JSON`, "", ""},
	} {
		if model, reason := c.dialect.Remark([]byte(c.unit)); model != c.model || reason != c.reason {
			t.Errorf("%s: %q %q, want %q %q", c.unit, model, reason, c.model, c.reason)
		}
	}
}
