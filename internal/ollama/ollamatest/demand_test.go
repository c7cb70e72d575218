package ollamatest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// plain asks tiny-chat in every dialect.
var plain = map[string]string{
	"/api/chat":            `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}],"stream":STREAM}`,
	"/api/generate":        `{"model":"tiny-chat","prompt":"hi","stream":STREAM}`,
	"/v1/chat/completions": `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}],"stream":STREAM}`,
	"/v1/completions":      `{"model":"tiny-chat","prompt":"hi","stream":STREAM}`,
	"/v1/responses":        `{"model":"tiny-chat","input":"hi","stream":STREAM}`,
	"/v1/messages":         `{"model":"tiny-chat","max_tokens":50,"messages":[{"role":"user","content":"hi"}],"stream":STREAM}`,
}

func TestScript_EveryDialect(t *testing.T) {
	for path, ask := range plain {
		t.Run(path, func(t *testing.T) {
			s := ollamatest.Start(t)
			s.Script("tiny-chat", ollamatest.Wait(50*time.Millisecond), ollamatest.Say("one", " two"),
				ollamatest.Wait(50*time.Millisecond), ollamatest.Say(" three"), ollamatest.Done("length", 1234, 567))
			for _, stream := range []string{"false", "true"} {
				begun := time.Now()
				got := post(t, s, path, strings.ReplaceAll(ask, "STREAM", stream))
				if time.Since(begun) < 100*time.Millisecond {
					t.Errorf("answered after %v", time.Since(begun))
				}
				if stream == "false" && !strings.Contains(got, `"one two three"`) || !strings.Contains(got, `" three"`) && stream == "true" {
					t.Errorf("no text in %s", got)
				}
				usage := strings.Contains(got, "1234") && strings.Contains(got, "567")
				if streamsWithout := stream == "true" && strings.Contains(path, "completions"); usage == streamsWithout {
					t.Errorf("usage told: %t, in %s", usage, got)
				}
			}
		})
	}
}

func TestAlways_GoesBeforeTheUsualAnswer(t *testing.T) {
	s := ollamatest.Start(t)
	s.Always(ollamatest.Wait(100 * time.Millisecond))
	begun := time.Now()
	if got := post(t, s, "/api/generate", strings.ReplaceAll(plain["/api/generate"], "STREAM", "false")); !strings.Contains(got, "Hello!") {
		t.Error(got)
	}
	if time.Since(begun) < 100*time.Millisecond {
		t.Errorf("answered after %v", time.Since(begun))
	}
	begun = time.Now()
	if post(t, s, "/api/version", ""); time.Since(begun) > 50*time.Millisecond {
		t.Errorf("a version took %v", time.Since(begun))
	}
}

func TestFrame_EveryDialect(t *testing.T) {
	for path, ask := range plain {
		t.Run(path, func(t *testing.T) {
			s := ollamatest.Start(t)
			ask := strings.ReplaceAll(ask, "STREAM", "true")
			events := strings.Count(post(t, s, path, ask), "\n")
			s.Script("tiny-chat", ollamatest.Frame(ollamatest.Framing{CRLF: true, NoSpace: true, NoNewline: true}), ollamatest.Answer())
			got := post(t, s, path, ask)
			if strings.HasSuffix(got, "\n") || strings.Contains(got, "data: ") || strings.Count(got, "\r\n") != strings.Count(got, "\n") {
				t.Errorf("%q", got)
			}
			if n := strings.Count(got, "\n"); n != events-1 && n != events-2 {
				t.Errorf("%d lines end, want all of %d but the last: %q", n, events, got)
			}
		})
	}
}

func TestAdd_CloudModels(t *testing.T) {
	s := ollamatest.Start(t)
	for _, m := range ollamatest.CloudModels() {
		s.Add(m)
	}
	list := post(t, s, "/api/tags", "")
	for _, m := range ollamatest.CloudModels() {
		if !strings.Contains(list, `"model":"`+m.Name+`","remote_model":"`+m.RemoteModel+`","remote_host":"https://ollama.com:443"`) {
			t.Errorf("%s is not listed as remote: %s", m.Name, list)
		}
		if got := post(t, s, "/api/show", `{"model":"`+m.Name+`"}`); !strings.Contains(got, `"remote_host":"https://ollama.com:443"`) {
			t.Errorf("%s is not shown as remote: %s", m.Name, got)
		}
		if got := post(t, s, "/api/chat", `{"model":"`+m.Name+`","messages":[{"role":"user","content":"hi"}]}`); !strings.Contains(got, `"remote_host":"https://ollama.com:443"`) {
			t.Errorf("%s does not answer as remote: %s", m.Name, got)
		}
	}
}

func TestNewer(t *testing.T) {
	s := ollamatest.Start(t)
	const unlisted = `{"model":"glm-5:cloud","messages":[{"role":"user","content":"hi"}],"stream":false}`
	answer := send(t, s, "/api/chat", unlisted, nil)
	answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("status %d for a model that is not there", answer.StatusCode)
	}
	s.Newer()
	s.AddEntry(`{"name":5}`)
	for _, c := range []struct{ path, body, want string }{
		{"/api/version", "", `{"version":"0.33.0"}`},
		{"/api/tags", "", `"context_length":2048,"embedding_length":128},"capabilities":["completion","tools"]}`},
		{"/api/tags", "", `{"name":5}]}`},
		{"/api/show", `{"model":"tiny-chat"}`, `"parser":"qwen3-coder"`},
		{"/api/show", `{"model":"tiny-chat"}`, `"renderer":"qwen3-coder"`},
		{"/api/show", `{"model":"tiny-chat"}`, `"requires":"0.12.0"`},
		{"/api/chat", unlisted, `"remote_model":"glm-5"`},
	} {
		if got := post(t, s, c.path, c.body); !strings.Contains(got, c.want) {
			t.Errorf("%s: no %s in %.2000s", c.path, c.want, got)
		}
	}
}

func TestRequests_TellAllThatWasAsked(t *testing.T) {
	s := ollamatest.Start(t)
	ask := `{"model":"tiny-chat","input":"` + strings.Repeat("x", 1<<20) + `"}`
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Content-Encoding": {"zstd"}, "X-Test": {"a", "b"}, "Authorization": {"Bearer secret"}}
	send(t, s, "/v1/responses?beta=true", string(w.EncodeAll([]byte(ask), nil)), header).Body.Close()
	r := s.To("/v1/responses")[0]
	if r.Model != "tiny-chat" || r.Query != "beta=true" || r.Size != len(ask) || !bytes.HasPrefix([]byte(ask), r.Body) || len(r.Body) != 512<<10 {
		t.Errorf("model %q, query %q, %d bytes of %d", r.Model, r.Query, len(r.Body), r.Size)
	}
	if !slices.Equal(r.Header["X-Test"], []string{"a", "b"}) || r.Header.Get("Authorization") != "Bearer secret" {
		t.Errorf("header %v", r.Header)
	}
}

// TestRequests_OldBodiesAreForgotten, for a load test asks much.
func TestRequests_OldBodiesAreForgotten(t *testing.T) {
	s := ollamatest.Start(t)
	ask := `{"model":"nope","prompt":"` + strings.Repeat("x", 1<<20) + `"}`
	for range 40 {
		send(t, s, "/api/generate", ask, nil).Body.Close()
	}
	var kept int
	list := s.Requests()
	for _, r := range list {
		kept += len(r.Body)
	}
	if kept != 16<<20 || len(list) != 40 || list[0].Body != nil || list[39].Body == nil || list[0].Size != len(ask) {
		t.Errorf("%d requests with bodies of %d bytes", len(list), kept)
	}
}

func TestLongBodiesAreTaken(t *testing.T) {
	s := ollamatest.Start(t)
	ask, err := json.Marshal(map[string]any{"model": "tiny-chat", "prompt": strings.Repeat("x", 64<<20) + "\x00", "stream": false})
	if err != nil {
		t.Fatal(err)
	}
	if got := post(t, s, "/api/generate", string(ask)); !strings.Contains(got, `"prompt_eval_count":2048`) {
		t.Error(got)
	}
}
