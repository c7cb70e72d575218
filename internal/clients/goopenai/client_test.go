// Package goopenai_test asks Paddock what the Go client that is not OpenAI's own asks. cmd/paddock/clients_test.go runs it and
// passes it the address.
package goopenai_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	openai "github.com/sashabaranov/go-openai"
	"github.com/sashabaranov/go-openai/jsonschema"
)

const answer = "Hello! I am tiny-chat, a test model. Unicode: café 日本語 🙂 <b>bold</b> &amp; \"quotes\"\nGood bye.\n"

func TestMain(m *testing.M) {
	if os.Getenv("PADDOCK_URL") == "" {
		panic("cmd/paddock/clients_test.go runs these tests, against a server of its own")
	}
	os.Exit(m.Run())
}

func as(key string) *openai.Client {
	config := openai.DefaultConfig(key)
	config.BaseURL = os.Getenv("PADDOCK_URL") + "/v1"
	return openai.NewClientWithConfig(config)
}

func client() *openai.Client { return as(os.Getenv("PADDOCK_KEY")) }

func hi(model string) openai.ChatCompletionRequest {
	return openai.ChatCompletionRequest{Model: model, Messages: []openai.ChatCompletionMessage{{Role: "user", Content: "hi"}}}
}

func TestChat(t *testing.T) {
	m, err := client().CreateChatCompletion(t.Context(), hi("tiny-chat"))
	if err != nil {
		t.Fatal(err)
	}
	if m.Choices[0].Message.Content != answer || m.Usage.CompletionTokens != 27 {
		t.Errorf("%+v", m)
	}
}

func TestChat_Streamed(t *testing.T) {
	s, err := client().CreateChatCompletionStream(t.Context(), hi("tiny-chat"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var text strings.Builder
	pieces := 0
	for ; ; pieces++ {
		chunk, err := s.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(chunk.Choices[0].Delta.Content)
	}
	if text.String() != answer || pieces < 20 {
		t.Errorf("%d pieces: %q", pieces, text.String())
	}
}

func TestTools(t *testing.T) {
	request := hi("tiny-agent")
	if os.Getenv("PADDOCK_REAL_OLLAMA") != "" {
		request.Model = "tiny-tools"
	}
	request.Tools = []openai.Tool{{Type: openai.ToolTypeFunction, Function: &openai.FunctionDefinition{
		Name: "get_weather", Description: "weather",
		Parameters: jsonschema.Definition{
			Type: jsonschema.Object, Properties: map[string]jsonschema.Definition{"city": {Type: jsonschema.String}}, Required: []string{"city"},
		},
	}}}
	m, err := client().CreateChatCompletion(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	calls := m.Choices[0].Message.ToolCalls
	if len(calls) != 1 || calls[0].Function.Name != "get_weather" || calls[0].Function.Arguments != `{"city":"Berlin"}` {
		t.Fatalf("%+v", m.Choices)
	}
	request.Messages = append(request.Messages, m.Choices[0].Message,
		openai.ChatCompletionMessage{Role: "tool", ToolCallID: calls[0].ID, Content: "rain"})
	m, err = client().CreateChatCompletion(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Choices[0].Message.Content; got != "Done: rain" && request.Model == "tiny-agent" {
		t.Errorf("%q", got)
	}
}

func TestEmbeddingsAndModels(t *testing.T) {
	made, err := client().CreateEmbeddings(t.Context(), openai.EmbeddingRequest{Model: "tiny-embed", Input: []string{"hello world", "zebra"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(made.Data) != 2 || len(made.Data[0].Embedding) != 64 {
		t.Errorf("%+v", made)
	}
	listed, err := client().ListModels(t.Context())
	if err != nil || len(listed.Models) < 5 {
		t.Errorf("%+v, %v", listed, err)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		key, model string
		status     int
		message    string
	}{
		{"pdk_wrong", "tiny-chat", http.StatusUnauthorized, "API key is needed"},
		{os.Getenv("PADDOCK_POOR_KEY"), "tiny-chat", http.StatusTooManyRequests, "quota exceeded: 0 of 0 tokens"},
		{os.Getenv("PADDOCK_KEY"), "nope", http.StatusNotFound, "model 'nope' not found"},
	} {
		_, err := as(c.key).CreateChatCompletion(t.Context(), hi(c.model))
		var told *openai.APIError
		if !errors.As(err, &told) || told.HTTPStatusCode != c.status || !strings.Contains(told.Message, c.message) {
			t.Errorf("%d: %v", c.status, err)
		}
	}
}

func TestAbort(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := client().CreateChatCompletionStream(ctx, hi("tiny-slow"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 5 {
		if _, err := s.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	for err == nil {
		_, err = s.Recv()
	}
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
