package ollamatest_test

import (
	"bufio"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// dialects ask tiny-agent, which they offer two tools, in every dialect that knows tools.
var dialects = []struct {
	name, path string
	ask        string // a request, but for whether it streams
	result     string // what goes after the first message, once there is a result
	call       string // what the call looks like in a stream
}{
	{
		"Ollama", "/api/chat",
		`{"model":"tiny-agent","messages":[{"role":"user","content":"hi"}RESULT],"tools":[{"type":"function","function":{"name":"bash","parameters":{"type":"object"}}},{"type":"function","function":{"name":"read","parameters":{"type":"object"}}}],"stream":STREAM}`,
		`,{"role":"assistant","content":"","tool_calls":[{"function":{"name":"read","arguments":{}}}]},{"role":"tool","tool_name":"read","content":"all is well"}`,
		`"name":"read","arguments":{"path":"a.txt"}`,
	},
	{
		"OpenAI", "/v1/chat/completions",
		`{"model":"tiny-agent","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}RESULT],"tools":[{"type":"function","function":{"name":"bash","parameters":{"type":"object"}}},{"type":"function","function":{"name":"read","parameters":{"type":"object"}}}],"stream":STREAM}`,
		`,{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"read","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"all is well"}`,
		`"function":{"name":"read","arguments":"{\"path\":\"a.txt\"}"}`,
	},
	{
		"Responses", "/v1/responses",
		`{"model":"tiny-agent","input":[{"role":"user","content":"hi"}RESULT],"tools":[{"type":"web_search"},{"type":"function","name":"bash","parameters":{"type":"object"}},{"type":"function","name":"read","parameters":{"type":"object"}}],"stream":STREAM}`,
		`,{"type":"function_call","call_id":"c","name":"read","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"all is well"}`,
		`"arguments":"{\"path\":\"a.txt\"}"`,
	},
	{
		"Anthropic", "/v1/messages",
		`{"model":"tiny-agent","max_tokens":100,"messages":[{"role":"user","content":"hi"}RESULT],"tools":[{"name":"bash","input_schema":{"type":"object"}},{"name":"read","input_schema":{"type":"object"}}],"stream":STREAM}`,
		`,{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"read","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[{"type":"text","text":"all is well"}]},{"type":"text","text":"go on"}]}`,
		`"partial_json":"{\"path\":\"a.txt\"}"`,
	},
}

func TestAgent_CallsATool(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			s := ollamatest.Start(t)
			for _, stream := range []string{"false", "true"} {
				if got := post(t, s, d.path, strings.NewReplacer("RESULT", "", "STREAM", stream).Replace(d.ask)); !strings.Contains(got, `"bash"`) {
					t.Errorf("no call of the first tool: %s", got)
				}
			}
			s.CallTool("read", `{"path":"a.txt"}`)
			if got := post(t, s, d.path, strings.NewReplacer("RESULT", "", "STREAM", "true").Replace(d.ask)); !strings.Contains(got, `"read"`) || !strings.Contains(got, d.call) {
				t.Errorf("no call with %s: %s", d.call, got)
			}
			if got := post(t, s, d.path, strings.NewReplacer("RESULT", d.result, "STREAM", "false").Replace(d.ask)); !strings.Contains(got, `"Done: all is well"`) {
				t.Errorf("no word of the result: %s", got)
			}
			s.CallTool("write", `{}`)
			if got := post(t, s, d.path, strings.NewReplacer("RESULT", "", "STREAM", "false").Replace(d.ask)); !strings.Contains(got, `"I know no such tool."`) {
				t.Errorf("no word of the tool that is not offered: %s", got)
			}
		})
	}
}

func TestAgent_IsSilentBeforeTheCall(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			s := ollamatest.Start(t)
			s.CallTool("read", `{"path":"a.txt"}`)
			s.Silence(300 * time.Millisecond)
			answer := send(t, s, d.path, strings.NewReplacer("RESULT", "", "STREAM", "true").Replace(d.ask), nil)
			defer answer.Body.Close()
			var told, called time.Time
			for lines := bufio.NewScanner(answer.Body); lines.Scan() && called.IsZero(); {
				switch {
				case strings.Contains(lines.Text(), d.call):
					called = time.Now()
				case strings.Contains(lines.Text(), " use"):
					told = time.Now()
				}
			}
			if told.IsZero() || called.Sub(told) < 200*time.Millisecond {
				t.Errorf("%v from the text to the call", called.Sub(told))
			}
		})
	}
}

// post returns the body of an answer, which must be 200.
func post(t *testing.T, s *ollamatest.Server, path, body string) string {
	t.Helper()
	answer := send(t, s, path, body, nil)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v: %s", path, answer.StatusCode, err, b)
	}
	return string(b)
}

func send(t *testing.T, s *ollamatest.Server, path, body string, header http.Header) *http.Response {
	t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
