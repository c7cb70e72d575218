package gateway

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/dialect"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/rawjson"
	"github.com/paddock-gate/paddock/internal/usage"
)

func FuzzDecode_OllamaChat(f *testing.F) {
	fuzzDecode(f, ollamaChat,
		`{"model":"a","messages":[{"role":"user","content":"hi","images":["aGk="]}],"tools":[{"type":"function","function":{"name":"f"}}]}`,
		`{"model":"a","stream":false,"options":{"num_predict":3.0,"num_ctx":2048.9,"seed":-1,"stop":["x"]},"keep_alive":"30m","think":"high"}`)
}

func FuzzDecode_OllamaGenerate(f *testing.F) {
	fuzzDecode(f, ollamaGenerate,
		`{"model":"a","prompt":"p","suffix":"s","system":"x","images":["aGk="],"context":[1,2],"raw":true,"width":512,"options":{"num_predict":-1}}`)
}

func FuzzDecode_OllamaEmbed(f *testing.F) {
	fuzzDecode(f, ollamaEmbed, `{"model":"a","input":["x","y"],"truncate":true,"dimensions":8,"keep_alive":60}`)
}

func FuzzDecode_OllamaEmbeddings(f *testing.F) {
	fuzzDecode(f, ollamaEmbeddings, `{"model":"a","prompt":"x","options":{"num_ctx":1}}`)
}

func FuzzDecode_OpenAIChat(f *testing.F) {
	fuzzDecode(f, openAIChat,
		`{"model":"a","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]}],"max_completion_tokens":9,"max_tokens":7}`,
		`{"model":"a","stream":true,"stream_options":{"include_usage":true},"tools":[{"type":"web_search"},{"type":"function","function":{"name":"f"}}],"tool_choice":"auto"}`)
}

func FuzzDecode_OpenAICompletions(f *testing.F) {
	fuzzDecode(f, openAICompletions, `{"model":"a","prompt":"p","suffix":"s","stop":"x","seed":1e3,"logprobs":1,"prompt_cache_key":"k"}`)
}

func FuzzDecode_OpenAIEmbeddings(f *testing.F) {
	fuzzDecode(f, openAIEmbeddings, `{"model":"a","input":"x","dimensions":8,"encoding_format":"base64"}`)
}

func FuzzDecode_OpenAIResponses(f *testing.F) {
	fuzzDecode(f, openAIResponses,
		`{"model":"a","input":[{"role":"user","content":[{"type":"input_image","image_url":"data:,x"}]}],"instructions":"i","max_output_tokens":5,"store":false}`,
		`{"model":"a","input":"x","tools":[{"type":"namespace","name":"n","tools":[{"type":"web_search"},{"type":"custom","name":"c"}]}],"tool_choice":{"type":"web_search"}}`)
}

func FuzzDecode_AnthropicMessages(f *testing.F) {
	fuzzDecode(f, anthropicMessages,
		`{"model":"a","max_tokens":9,"system":[{"type":"text","text":"`+billing+` x\n\nrest"}],"messages":[{"role":"user","content":[{"type":"image","source":{"data":"aGk="}}]}]}`,
		`{"model":"a","max_tokens":9,"system":"`+billing+`","messages":[],"tools":[{"name":"f"},{"type":"web_search_20250305","name":"w"}],"tool_choice":{"type":"tool","name":"w"}}`)
}

// fuzzDecode checks what becomes of a body, whatever it is: what goes upstream is one object of fields that the call knows, each
// once whatever its case, and says of model, stream and limit what encoding/json reads of the body.
func fuzzDecode(f *testing.F, call *modelCall, seeds ...string) {
	for _, s := range append(seeds, `{"model":"a","Model":"b"}`, `{"model":"a","mode\u006c":"b"}`, `{"model":null}`, `{"model":"a"} x`, "{}", "") {
		f.Add([]byte(s), int64(100))
	}
	limits := Options{MaxKeepAlive: time.Hour}
	f.Fuzz(func(t *testing.T, body []byte, limit int64) {
		if limit = max(limit, 0); call.kind == usage.Embed {
			limit = 0 // embeddings have no answer
		}
		before := bytes.Clone(body)
		q, err := decode(call, body, limits)
		if err != nil {
			return
		}
		first := bodyOf(q, limit)
		if !bytes.Equal(body, before) {
			t.Fatalf("%q became %q", before, body)
		}
		sent := wantKnownFields(t, call, first)
		checkDecoded(t, q, body, sent, limit)
		if call == ollamaEmbeddings || bytes.Contains(body, []byte(billing)) {
			return // says it in other words, or loses another line
		}
		again, err := decode(call, first, limits)
		if err != nil {
			t.Fatalf("%s was sent, which is refused: %v", first, err)
		}
		if second := wantKnownFields(t, call, bodyOf(again, again.limit)); !reflect.DeepEqual(second, sent) {
			t.Fatalf("%s becomes %v, then %v", body, sent, second)
		}
	})
}

func bodyOf(q *request, limit int64) []byte {
	return slices.Concat(pieces(q.members(limit))...)
}

// wantKnownFields returns the fields of an object that goes upstream.
func wantKnownFields(t *testing.T, call *modelCall, sent []byte) map[string]any {
	t.Helper()
	known := map[string]bool{"model": true, "stream": true, "options": true, "stream_options": true, "truncate": true}
	known[limitField[min(int(call.dialect), len(limitField)-1)]] = true
	for name, r := range call.fields {
		if r.use != forbid && r.use != theConversation {
			known[name] = true
		}
		known[r.as] = true
	}
	all, err := rawjson.Members(sent, nil)
	if err != nil {
		t.Fatalf("%s: %v", sent, err)
	}
	for i, m := range all {
		twice := slices.ContainsFunc(all[:i], func(other rawjson.Member) bool { return strings.EqualFold(other.Key, m.Key) })
		if twice || !known[m.Key] {
			t.Fatalf("%s has %q", sent, m.Key)
		}
	}
	var object map[string]any
	if err := json.Unmarshal(sent, &object); err != nil {
		t.Fatalf("%s: %v", sent, err)
	}
	return object
}

func checkDecoded(t *testing.T, q *request, body []byte, sent map[string]any, limit int64) {
	t.Helper()
	var asked map[string]any
	if err := json.Unmarshal(body, &asked); err != nil {
		t.Fatalf("%q was accepted, but %v", body, err)
	}
	model, _ := asked["model"].(string)
	if want, err := ollama.Canonical(model); err != nil || q.model != want {
		t.Errorf("%q is for the model %q, not %q, %v", body, q.model, want, err)
	}
	spelled, _ := sent["model"].(string)
	if name, err := ollama.Canonical(spelled); err != nil || name != q.model {
		t.Errorf("%q is sent for the model %q", body, spelled)
	}
	stream, said := asked["stream"].(bool)
	if _, has := q.call.fields["stream"]; !has || !said {
		stream = q.call.streams
	}
	if q.stream != stream {
		t.Errorf("%q streams: %t", body, q.stream)
	}
	if q.prompt.Text < 0 || q.prompt.Text > len(body)*imageText {
		t.Errorf("%q has %d bytes of text", body, q.prompt.Text)
	}
	told := sent[limitField[q.call.dialect]]
	if options, ok := sent["options"].(map[string]any); ok && q.call.dialect == dialect.Ollama {
		told = options["num_predict"]
	}
	if _, has := q.call.fields[limitField[q.call.dialect]]; has && limit > 0 && told != float64(limit) {
		t.Errorf("%q is sent with the limit %v, want %d", body, told, limit)
	}
}
