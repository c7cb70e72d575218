package gateway_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// TestModelLists_AllowedModels checks that lists show the models that may be used and no others.
func TestModelLists_AllowedModels(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	b.Caller.KeyModels = caller.Models{"tiny-chat:latest", "tiny-loop:latest"}
	for path, want := range map[string][]string{
		"/api/tags": {"tiny-chat:latest", "tiny-loop:latest"}, "/v1/models": {"tiny-chat:latest", "tiny-loop:latest"}, "/api/ps": {"tiny-chat:latest"},
	} {
		got := send(t, http.MethodGet, b.URL+path, "")
		var listed struct {
			Models []struct{ Name string }
			Data   []struct{ ID string }
		}
		if err := json.Unmarshal([]byte(got.Body), &listed); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range listed.Models {
			names = append(names, m.Name)
		}
		for _, m := range listed.Data {
			names = append(names, m.ID)
		}
		if strings.Join(names, " ") != strings.Join(want, " ") {
			t.Errorf("%s: %q", path, names)
		}
	}
	for id, want := range map[string]int{
		"tiny-chat": 200, "tiny-chat:latest": 200, "library/tiny-chat": 200, "library%2Ftiny-chat": 200, "TINY-CHAT": 200,
		"tiny-think": 403, "nope": 403, "tiny%20chat": 400, "tiny-loop%3Alatest": 200,
	} {
		got := send(t, http.MethodGet, b.URL+"/v1/models/"+id, "")
		if name, _ := url.PathUnescape(id); got.Status != want || want == 200 && !strings.HasPrefix(got.Body, `{"id":"`+name+`","object":"model","created":`) {
			t.Errorf("%s: %d %s", id, got.Status, got.Body)
		}
	}
	b.Caller.KeyModels = caller.Models{}
	if got := send(t, http.MethodGet, b.URL+"/v1/models", ""); got.Body != `{"object":"list","data":[]}`+"\n" {
		t.Errorf("of nothing: %s", got.Body)
	}
	if got := send(t, http.MethodGet, b.URL+"/api/tags", ""); got.Body != `{"models":[]}` {
		t.Errorf("of nothing: %s", got.Body)
	}
	b.Caller.KeyModels = nil
	if got := send(t, http.MethodGet, b.URL+"/v1/models/nope", ""); got.Status != 404 || !strings.Contains(got.Body, "MODEL_NOT_FOUND") {
		t.Errorf("unknown: %d %s", got.Status, got.Body)
	}
}

// calls are a request for a model by each route that takes one, with NAME in its place.
var calls = map[string]string{
	"/api/chat":            `{"model":NAME,` + hi + `}`,
	"/api/generate":        `{"model":NAME,"prompt":"hi"}`,
	"/api/embed":           `{"model":NAME,"input":"hi"}`,
	"/api/embeddings":      `{"model":NAME,"prompt":"hi"}`,
	"/api/show":            `{"name":NAME}`,
	"/v1/chat/completions": `{"model":NAME,` + hi + `}`,
	"/v1/completions":      `{"model":NAME,"prompt":"hi"}`,
	"/v1/embeddings":       `{"model":NAME,"input":"hi"}`,
	"/v1/messages":         `{"model":NAME,"max_tokens":5,` + hi + `}`,
	"/v1/responses":        `{"model":NAME,"input":"hi"}`,
}

// TestModelForbidden_EveryRoute checks that a forbidden model is refused by every route, in its dialect, in any spelling.
func TestModelForbidden_EveryRoute(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	b.Caller.RoleModels = caller.Models{"tiny-chat:latest"}
	for path, body := range calls {
		for _, name := range []string{
			"tiny-think", "tiny-think:latest", "TINY-think", "library/tiny-think:LATEST", "registry.ollama.ai/library/tiny-think",
			"https://registry.ollama.ai/library/tiny-think", "nope", "tiny-chat:other",
		} {
			got := b.post(t, path, strings.ReplaceAll(body, "NAME", `"`+name+`"`))
			if got.Status != http.StatusForbidden || !strings.HasPrefix(messageOf(t, path, got.Body), "you may not use the model ") {
				t.Errorf("%s %s: %d %s", path, name, got.Status, got.Body)
			}
		}
	}
	if all := b.Upstream.Requests(); len(all) > 0 {
		t.Errorf("%s %s went upstream", all[0].Path, all[0].Body)
	}
	b.records(t, 0)
	got := b.post(t, "/api/chat", `{"model":"library/TINY-chat",`+hi+`}`)
	if got.Status != http.StatusOK || !strings.HasPrefix(b.sent(t), `{"model":"tiny-chat:latest",`) {
		t.Errorf("the allowed one: %d, sent %s", got.Status, b.sent(t))
	}
}

// TestModelNames_CaseKept checks that names keep their case in lists, on their way upstream and so in answers, where clients
// look for the name that they know.
func TestModelNames_CaseKept(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	const name = "hf.co/Acme/Llama-3.2-1B-GGUF:Q4_K_M"
	b.Upstream.Script("/api/tags", ollamatest.Body([]byte(`{"models":[{"name":"`+name+`","model":"`+name+`","modified_at":"2026-01-01T00:00:00Z"}]}`)))
	b.Caller.KeyModels = caller.Models{strings.ToLower(name), "tiny-chat:latest"}
	const model = `","object":"model","created":1767225600,"owned_by":"Acme"}`
	for path, want := range map[string]string{
		"/v1/models":                          `{"object":"list","data":[{"id":"` + name + model + "]}\n",
		"/v1/models/" + name:                  `{"id":"` + name + model + "\n",
		"/v1/models/" + strings.ToUpper(name): `{"id":"` + strings.ToUpper(name) + model + "\n",
	} {
		got := send(t, http.MethodGet, b.URL+path, "")
		if got.Body != want {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
	for asked, sent := range map[string]string{
		name: name, strings.ToUpper(name): strings.ToUpper(name), "https://" + name: strings.ToLower(name),
		"Tiny-Chat": "Tiny-Chat", "TINY-CHAT:LATEST": "TINY-CHAT:LATEST", "Library/Tiny-Chat": "tiny-chat:latest",
	} {
		for path, body := range calls {
			b.post(t, path, strings.ReplaceAll(body, "NAME", `"`+asked+`"`))
			if got := b.sent(t); !strings.HasPrefix(got, `{"model":"`+sent+`",`) && got != `{"model":"`+sent+`"}` {
				t.Errorf("%s %s: sent %s", path, asked, got)
			}
		}
	}
}

// FuzzUpstreamRequest checks that with any body, the upstream, which takes the last of equal keys and keys of any case, gets
// nothing but the one model that is allowed, and no field that is not.
func FuzzUpstreamRequest(f *testing.F) {
	for _, body := range []string{
		`{"model":"tiny-chat",` + hi + `}`,
		`{"model":"tiny-chat","model":"tiny-think",` + hi + `}`,
		`{"model":"tiny-chat","MODEL":"tiny-think",` + hi + `}`,
		`{"model":"tiny-chat","mode\u006c":"tiny-think"}`,
		`{"model":"tiny-chat"}{"model":"tiny-think"}`,
		`{"model":"tiny-chat","options":{"num_ctx":9,"Num_Ctx":99999999},"keep_alive":-1,"template":"x","raw":true}`,
		`{"model":"tiny-chat","stream":false,"name":"tiny-think","messages":[],"_debug_render_only":true}`,
		`{"model":"library/TINY-chat:latest","keep_alive":0}`,
	} {
		f.Add(body)
	}
	b := start(f, ollamatest.Start(f))
	b.Caller.KeyModels = caller.Models{"tiny-chat:latest"}
	f.Fuzz(func(t *testing.T, body string) {
		before := len(b.Upstream.Posts())
		for path := range calls {
			b.post(t, path, body)
		}
		all := b.Upstream.Posts()
		if before > len(all) { // only the latest are kept
			before = 0
		}
		for _, r := range all[before:] {
			name, err := ollama.Canonical(r.Model)
			if err != nil || name != "tiny-chat:latest" || !utf8.Valid(r.Body) {
				t.Fatalf("%q sent %s", body, r.Body)
			}
			var sent map[string]json.RawMessage
			if err := json.Unmarshal(r.Body, &sent); err != nil {
				t.Fatalf("%q sent %s: %v", body, r.Body, err)
			}
			for key := range sent {
				switch strings.ToLower(key) {
				case "_debug_render_only", "name", "adapter", "from":
					t.Fatalf("%q sent %s", body, r.Body)
				}
			}
			var deep struct {
				KeepAlive any `json:"keep_alive"`
				Options   struct {
					NumCtx     float64 `json:"num_ctx"`
					NumPredict float64 `json:"num_predict"`
				}
			}
			if err := json.Unmarshal(r.Body, &deep); err != nil || deep.KeepAlive == 0.0 || deep.KeepAlive == "0" || deep.KeepAlive == -1.0 {
				t.Fatalf("%q sent %s: %v", body, r.Body, err)
			}
		}
	})
}

// TestModelLists_NoPaths checks that lists reveal no paths of the server, and no addresses but that of ollama.com.
func TestModelLists_NoPaths(t *testing.T) {
	b := start(t, ollamatest.Start(t))
	for _, path := range []string{"/api/tags", "/api/ps"} {
		b.Upstream.Script(path, ollamatest.Body([]byte(`{"models":[{"name":"a:latest","model":"a:latest","details":{"parent_model":"/root/.ollama/models/blobs/x","format":"gguf","future":"/srv","context_length":4096},"capabilities":["completion","tools"]},17,{"model":"nameless"},`+
			`{"name":"b:latest","model":"b:latest","details":{"parent_model":"a"}},{"name":"c:latest","model":"c:latest","details":null}]}`)))
		want := `{"models":[{"name":"a:latest","model":"a:latest","details":{"parent_model":"","format":"gguf","future":"","context_length":4096},"capabilities":["completion","tools"]},` +
			`{"name":"b:latest","model":"b:latest","details":{"parent_model":"a"}},{"name":"c:latest","model":"c:latest","details":null}]}`
		if got := send(t, http.MethodGet, b.URL+path, ""); got.Status != http.StatusOK || got.Body != want {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
}
