package gateway_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

const hi = `"messages":[{"role":"user","content":"hi"}]`

// TestRelay_RecordedAnswers relays the recorded answers of a real server, which the test Ollama does not produce by itself.
func TestRelay_RecordedAnswers(t *testing.T) {
	for _, c := range []struct{ name, path, body, answer string }{
		{
			"tools", "/api/chat", `{"model":"tiny-chat",` + hi + `,"tools":[{"type":"function","function":{"name":"get_weather","description":"weather","parameters":{"type":"object","required":["city"],"properties":{"city":{"type":"string"}}}}}]}`,
			`{"model":"tiny-tools","created_at":"2026-11-22T19:59:34.559571279Z","message":{"role":"assistant","content":"","tool_calls":[{"id":"call_cf3r3t8u","function":{"index":0,"name":"get_weather","arguments":{"city":"Berlin"}}}]},"done":false}
{"model":"tiny-tools","created_at":"2026-11-22T19:59:34.559983828Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":47657037,"load_duration":1996482,"prompt_eval_count":213,"prompt_eval_duration":41913028,"eval_count":6,"eval_duration":2345204}
`,
		},
		{
			"a tool called with what looks like an end", "/api/chat", `{"model":"tiny-chat",` + hi + `}`,
			`{"message":{"tool_calls":[{"function":{"name":"report","arguments":{"done":true,"error":"none"}}}]},"done":false}
{"message":{"content":"\"done\":true, \"error\": \"x\""},"done":false}
{"message":{"content":""},"done":true,"done_reason":"stop","prompt_eval_count":213,"eval_count":6}
`,
		},
		{
			"logprobs", "/api/chat", `{"model":"tiny-chat",` + hi + `,"logprobs":true,"top_logprobs":2}`,
			`{"message":{"role":"assistant","content":"Hello"},"done":false,"logprobs":[{"token":"Hello","logprob":0,"bytes":[72],"top_logprobs":[{"token":"\u003cunk\u003e","logprob":-90.45179748535156,"bytes":[60]}]}]}
{"message":{"content":""},"done":true,"done_reason":"length","total_duration":5643708,"prompt_eval_count":213,"eval_count":6}
`,
		},
		{
			"tools", "/v1/chat/completions", `{"model":"tiny-chat",` + hi + `,"stream":true,"tools":[]}`,
			`data: {"id":"chatcmpl-825","object":"chat.completion.chunk","created":1795377640,"model":"tiny-tools","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"","tool_calls":[{"id":"call_y3txveb5","index":0,"type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Berlin\"}"}}]},"finish_reason":null}]}

data: {"id":"chatcmpl-825","object":"chat.completion.chunk","created":1795377640,"model":"tiny-tools","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"tool_calls"}]}

data: {"choices":[],"usage":{"prompt_tokens":213,"completion_tokens":6,"total_tokens":219}}

data: [DONE]

`,
		},
	} {
		t.Run(c.path+" "+c.name, func(t *testing.T) {
			b := start(t, ollamatest.Start(t))
			b.Upstream.Script("tiny-chat", ollamatest.Raw(c.answer))
			want := regexp.MustCompile(`data: \{"choices":\[\].*\n\n`).ReplaceAllString(c.answer, "")
			if got := b.post(t, c.path, c.body); got.Status != http.StatusOK || got.Err != nil || got.Body != want {
				t.Errorf("%d %v\n got %s\nwant %s", got.Status, got.Err, got.Body, want)
			}
			if r := b.spent(t); r.Prompt != 213 || r.Completion != 6 || r.Estimated || r.Outcome != "ok" {
				t.Errorf("recorded %+v", r)
			}
		})
	}
}

// TestRelay_ContentTypes checks that content types pass unchanged, with their parameters.
func TestRelay_ContentTypes(t *testing.T) {
	for _, d := range dialects {
		for _, contentType := range []string{"application/x-ndjson; charset=utf-8", "text/event-stream;charset=utf-8", "Text/Event-Stream ; charset=UTF-8"} {
			b := startAnswering(t, http.StatusOK, contentType, d.pieces+d.end)
			got := b.post(t, d.path, d.request)
			if got.Status != http.StatusOK || got.Body != d.pieces+d.end || got.Header.Get("Content-Type") != contentType {
				t.Errorf("%s of %s: %d %v %s", d.name, contentType, got.Status, got.Header, got.Body)
			}
		}
	}
	const whole = `{"message":{"content":"hi"},"done":true,"eval_count":1}`
	for _, contentType := range []string{"application/json", "application/json ;charset=utf-8"} {
		b := startAnswering(t, http.StatusOK, contentType, whole)
		if got := b.post(t, "/api/chat", dialects[0].request); got.Body != whole || got.Header.Get("Content-Type") != contentType {
			t.Errorf("%s: %d %v %s", contentType, got.Status, got.Header, got.Body)
		}
	}
}

// TestRelay_SpaceAfterColon checks that JSON with spaces after its colons is understood: other upstreams than Ollama write
// it.
func TestRelay_SpaceAfterColon(t *testing.T) {
	withBlanks := strings.NewReplacer(`":`, `": `, `,"`, `, "`)
	for _, d := range dialects {
		pieces, end, usage := withBlanks.Replace(d.pieces), withBlanks.Replace(d.end), ""
		if d.name == "OpenAI" {
			usage = "data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 11, \"completion_tokens\": 3}}\n\n"
		}
		b := start(t, ollamatest.Start(t))
		b.Upstream.Script("tiny-chat", ollamatest.Raw(pieces+usage+end))
		if got := b.post(t, d.path, d.request); got.Status != http.StatusOK || got.Body != pieces+end {
			t.Errorf("%s: %d %s", d.name, got.Status, got.Body)
		}
		b.Upstream.Script("tiny-chat", ollamatest.Raw(pieces)) // and its own end is missing
		if got := b.post(t, d.path, d.request); !strings.HasPrefix(got.Body, pieces+d.failure) {
			t.Errorf("%s: %d %s", d.name, got.Status, got.Body)
		}
		all := b.records(t, 2)
		if r := all[0]; r.Prompt != 11 || r.Completion != 3 || r.Estimated || r.Outcome != "ok" {
			t.Errorf("%s: recorded %+v", d.name, r)
		}
		if r := all[1]; r.Completion != 2 || !r.Estimated || r.Outcome != "failed" {
			t.Errorf("%s: recorded %+v of half an answer", d.name, r)
		}
	}
}

// TestEmbeddings_Deprecated checks that the deprecated /api/embeddings is served by /api/embed, which counts its tokens.
func TestEmbeddings_Deprecated(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	want := b.post(t, "/api/embed", `{"model":"tiny-embed","input":"hello world"}`)
	got := b.post(t, "/api/embeddings", `{"model":"tiny-embed","prompt":"hello world","keep_alive":"5m"}`)
	_, vector, _ := strings.Cut(want.Body, `"embeddings":[`)
	vector, _, _ = strings.Cut(vector, `]`)
	if got.Status != http.StatusOK || got.Body != `{"embedding":`+vector+`]}` {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	if sent := b.sent(t); sent != `{"model":"tiny-embed","input":"hello world","keep_alive":"5m","truncate":false}` {
		t.Errorf("sent %s", sent)
	}
	if got := b.post(t, "/api/embeddings", `{"model":"tiny-embed","prompt":""}`); got.Body != `{"embedding":[]}` {
		t.Errorf("of nothing: %d %s", got.Status, got.Body)
	}
	for i, r := range b.records(t, 3) {
		if r.Kind != "embed" || r.Model != "tiny-embed:latest" || r.Estimated || r.Completion != 0 || (r.Prompt != 12) != (i == 2) {
			t.Errorf("recorded %+v", r)
		}
	}
}

// TestShow_NoPaths checks that /api/show reveals no paths of the server, and returns all else unchanged.
func TestShow_NoPaths(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	for _, body := range []string{`{"model":"tiny-chat"}`, `{"name":"TINY-CHAT"}`, `{"model":"tiny-chat","name":"tiny-chat","verbose":true}`} {
		direct := send(t, http.MethodPost, b.Upstream.URL+"/api/show", `{"model":"tiny-chat"}`)
		got := b.post(t, "/api/show", body)
		for _, path := range []string{"/srv", "/root", "/usr", "blobs", "sha256"} {
			if strings.Contains(got.Body, path) {
				t.Errorf("%s tells %s: %s", body, path, got.Body)
			}
		}
		for _, kept := range []string{`FROM tiny-chat:latest\nTEMPLATE`, `"llama.context_length":2048`, `\u003c|assistant|\u003e`} {
			if got.Status != http.StatusOK || !strings.Contains(got.Body, kept) {
				t.Errorf("%s lost %s: %d %s", body, kept, got.Status, got.Body)
			}
		}
		if len(got.Body) < len(direct.Body)/2 {
			t.Errorf("%d bytes of %d left", len(got.Body), len(direct.Body))
		}
	}
	for _, c := range []struct{ told, want string }{
		{
			`{"modelfile":"FROM \"C:\\models\\x.gguf\"\nFROM ~/y\nADAPTER ./z\nSYSTEM from / to","details":{"parent_model":"~/y"},"remote_host":"http://10.0.0.3:1","future":"/srv"}`,
			`{"modelfile":"FROM tiny-chat:latest\nFROM tiny-chat:latest\nADAPTER tiny-chat:latest\nSYSTEM from / to","details":{"parent_model":""},"remote_host":"","future":""}`,
		},
		{
			`{"details":{"families":["/etc/passwd","llama"],"parent_model":"D:/models/x.gguf"},"files":["/root/a","http://10.0.0.1:11434",{"host":"10.1.2.3:11434"}],"node":"gpu-7.internal:11434","a":"file:/root/x","b":"blobs/sha256-1","model_info":{"general.name":"/home/op/x","general.url":"https://mistral.ai/news","general.repo":"http://git.corp/x","general.size":"7B"},"license":"/ is free"}`,
			`{"details":{"families":["","llama"],"parent_model":""},"files":["","",{"host":""}],"node":"","a":"","b":"","model_info":{"general.name":"","general.url":"https://mistral.ai/news","general.repo":"","general.size":"7B"},"license":"/ is free"}`,
		},
		{
			`{"modelfile":"FROM D:/models/x.gguf\nFROM blobs/sha256-12\n  draft\t/root/.ollama/x\nSYSTEM \"\"\"\nFROM /heaven\n\"\"\"\nFROM acme/x:7b"}`,
			`{"modelfile":"FROM tiny-chat:latest\nFROM tiny-chat:latest\ndraft tiny-chat:latest\nSYSTEM \"\"\"\nFROM /heaven\n\"\"\"\nFROM acme/x:7b"}`,
		},
		{
			`{"remote_model":"gpt-oss:20b","remote_host":"https://ollama.com:443","parser":"qwen3-coder","details":{"context_length":4096},"new":{"a":[1]}}`,
			`{"remote_model":"gpt-oss:20b","remote_host":"https://ollama.com:443","parser":"qwen3-coder","details":{"context_length":4096},"new":{"a":[1]}}`,
		},
		{
			`{"modelfile":"FROM my data/models/blobs/sha256-aa\nADAPTER models\\blobs\\sha256-bb","details":{"parent_model":"models\\blobs\\sha256-aa"}}`,
			`{"modelfile":"FROM tiny-chat:latest\nADAPTER tiny-chat:latest","details":{"parent_model":""}}`,
		},
		{
			`{"modelfile":"FROM acme/blobs:7b","details":{"parent_model":"acme/blobs"}}`,
			`{"modelfile":"FROM acme/blobs:7b","details":{"parent_model":"acme/blobs"}}`,
		},
	} {
		b.Upstream.Script("/api/show", ollamatest.Body([]byte(c.told)))
		if got := b.post(t, "/api/show", `{"model":"tiny-chat"}`); got.Body != c.want {
			t.Errorf("%s is told as %s", c.told, got.Body)
		}
	}
	b.records(t, 0)
}
