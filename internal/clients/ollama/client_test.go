// Package ollama_test asks Paddock what Ollama's own Go client asks. It has no place for a key, so its transport adds one.
// cmd/paddock/clients_test.go runs it and passes it the address.
package ollama_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"
)

const answer = "Hello! I am tiny-chat, a test model. Unicode: café 日本語 🙂 <b>bold</b> &amp; \"quotes\"\nGood bye.\n"

func TestMain(m *testing.M) {
	if os.Getenv("PADDOCK_URL") == "" {
		panic("cmd/paddock/clients_test.go runs these tests, against a server of its own")
	}
	os.Exit(m.Run())
}

// keyed adds a key to requests.
type keyed string

func (k keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(k))
	return http.DefaultTransport.RoundTrip(r)
}

func as(t *testing.T, key string) *api.Client {
	t.Helper()
	base, err := url.Parse(os.Getenv("PADDOCK_URL"))
	if err != nil {
		t.Fatal(err)
	}
	return api.NewClient(base, &http.Client{Transport: keyed(key)})
}

func hi(model string) *api.ChatRequest {
	return &api.ChatRequest{Model: model, Messages: []api.Message{{Role: "user", Content: "hi"}}}
}

// chat adds the pieces of an answer up.
func chat(t *testing.T, client *api.Client, request *api.ChatRequest) (whole api.ChatResponse, pieces int, err error) {
	t.Helper()
	var text strings.Builder
	var calls []api.ToolCall
	err = client.Chat(t.Context(), request, func(r api.ChatResponse) error {
		pieces++
		text.WriteString(r.Message.Content)
		calls = append(calls, r.Message.ToolCalls...)
		whole = r
		return nil
	})
	whole.Message.Content, whole.Message.ToolCalls = text.String(), calls
	return whole, pieces, err
}

func TestChat(t *testing.T) {
	client := as(t, os.Getenv("PADDOCK_KEY"))
	m, pieces, err := chat(t, client, hi("tiny-chat"))
	if err != nil || m.Message.Content != answer || m.EvalCount != 27 || !m.Done || pieces < 20 {
		t.Errorf("%d pieces, %v: %+v", pieces, err, m)
	}
	request := hi("tiny-chat")
	request.Stream = new(false)
	if m, pieces, err = chat(t, client, request); err != nil || m.Message.Content != answer || pieces != 1 {
		t.Errorf("%d pieces, %v: %+v", pieces, err, m)
	}
}

func TestTools(t *testing.T) {
	client := as(t, os.Getenv("PADDOCK_KEY"))
	request := hi("tiny-agent")
	if os.Getenv("PADDOCK_REAL_OLLAMA") != "" {
		request.Model = "tiny-tools"
	}
	request.Tools = api.Tools{{Type: "function", Function: api.ToolFunction{Name: "get_weather", Description: "weather"}}}
	request.Tools[0].Function.Parameters.Type = "object"
	m, _, err := chat(t, client, request)
	if err != nil || len(m.Message.ToolCalls) != 1 {
		t.Fatalf("%v: %+v", err, m)
	}
	if city, _ := m.Message.ToolCalls[0].Function.Arguments.Get("city"); city != "Berlin" {
		t.Errorf("%+v", m.Message.ToolCalls)
	}
	request.Messages = append(request.Messages, m.Message, api.Message{Role: "tool", ToolName: "get_weather", Content: "rain"})
	m, _, err = chat(t, client, request)
	if err != nil || m.Message.Content != "Done: rain" && request.Model == "tiny-agent" {
		t.Errorf("%v: %+v", err, m)
	}
}

func TestOtherMethods(t *testing.T) {
	client := as(t, os.Getenv("PADDOCK_KEY"))
	listed, err := client.List(t.Context())
	if err != nil || len(listed.Models) < 5 {
		t.Errorf("%+v, %v", listed, err)
	}
	shown, err := client.Show(t.Context(), &api.ShowRequest{Model: "tiny-chat"})
	if err != nil || len(shown.Capabilities) == 0 {
		t.Errorf("%+v, %v", shown, err)
	}
	if _, err := client.ListRunning(t.Context()); err != nil {
		t.Error(err)
	}
	if version, err := client.Version(t.Context()); err != nil || version == "" {
		t.Errorf("%q, %v", version, err)
	}
	made, err := client.Embed(t.Context(), &api.EmbedRequest{Model: "tiny-embed", Input: []string{"hello world", "zebra"}})
	if err != nil || len(made.Embeddings) != 2 {
		t.Errorf("%+v, %v", made, err)
	}
	var text strings.Builder
	err = client.Generate(t.Context(), &api.GenerateRequest{Model: "tiny-chat", Prompt: "hi"}, func(r api.GenerateResponse) error {
		text.WriteString(r.Response)
		return nil
	})
	if err != nil || text.String() != answer {
		t.Errorf("%q, %v", text.String(), err)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ key, model, message string }{
		{"pdk_wrong", "tiny-chat", "401 Unauthorized"}, // the client says no more
		{os.Getenv("PADDOCK_POOR_KEY"), "tiny-chat", "quota exceeded: 0 of 0 tokens"},
		{os.Getenv("PADDOCK_KEY"), "nope", "model 'nope' not found"},
	} {
		_, _, err := chat(t, as(t, c.key), hi(c.model))
		if err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%v, want %s", err, c.message)
		}
	}
	if err := as(t, os.Getenv("PADDOCK_KEY")).Delete(t.Context(), &api.DeleteRequest{Model: "tiny-chat"}); err == nil {
		t.Error("a model was deleted")
	}
}

func TestAbort(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	pieces := 0
	// It may take the end of its connection for the end of the answer, so there is no error to be sure of.
	_ = as(t, os.Getenv("PADDOCK_KEY")).Chat(ctx, hi("tiny-slow"), func(api.ChatResponse) error {
		if pieces++; pieces == 5 {
			cancel()
		}
		return nil
	})
	if ctx.Err() == nil || pieces < 5 {
		t.Errorf("not stopped after %d pieces", pieces)
	}
}
