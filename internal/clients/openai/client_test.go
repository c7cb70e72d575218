// Package openai_test asks Paddock what OpenAI's own Go client asks. cmd/paddock/clients_test.go runs it and passes it the
// address.
package openai_test

import (
	"cmp"
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

const answer = "Hello! I am tiny-chat, a test model. Unicode: café 日本語 🙂 <b>bold</b> &amp; \"quotes\"\nGood bye.\n"

func TestMain(m *testing.M) {
	if os.Getenv("PADDOCK_URL") == "" {
		panic("cmd/paddock/clients_test.go runs these tests, against a server of its own")
	}
	os.Exit(m.Run())
}

// as is a client that carries the key in an environment variable.
func as(key string) openai.Client {
	return openai.NewClient(
		option.WithBaseURL(os.Getenv("PADDOCK_URL")+"/v1"), option.WithAPIKey(cmp.Or(os.Getenv(key), key)), option.WithMaxRetries(0),
	)
}

func hi(model string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")}}
}

func chat(t *testing.T, params openai.ChatCompletionNewParams) *openai.ChatCompletion {
	t.Helper()
	client := as("PADDOCK_KEY")
	m, err := client.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// stream adds the chunks up.
func stream(t *testing.T, params openai.ChatCompletionNewParams) (sum openai.ChatCompletionAccumulator, chunks int) {
	t.Helper()
	client := as("PADDOCK_KEY")
	s := client.Chat.Completions.NewStreaming(t.Context(), params)
	defer s.Close()
	for ; s.Next(); chunks++ {
		if c := s.Current(); !sum.AddChunk(c) {
			t.Errorf("chunk %s does not fit", c.RawJSON())
		}
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	return sum, chunks
}

func TestChat(t *testing.T) {
	m := chat(t, hi("tiny-chat"))
	if m.Choices[0].Message.Content != answer || m.Choices[0].FinishReason != "stop" {
		t.Errorf("%s", m.RawJSON())
	}
	if u := m.Usage; u.PromptTokens != 11 || u.CompletionTokens != 27 || u.TotalTokens != 38 {
		t.Errorf("usage %s", u.RawJSON())
	}
}

func TestChat_Streamed(t *testing.T) {
	params := hi("tiny-chat")
	sum, chunks := stream(t, params)
	if sum.Choices[0].Message.Content != answer || sum.Choices[0].FinishReason != "stop" || chunks < 20 {
		t.Errorf("%d chunks: %+v", chunks, sum.Choices)
	}
	if sum.Usage.TotalTokens != 0 {
		t.Errorf("usage that nobody asked for: %+v", sum.Usage)
	}
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	if sum, _ = stream(t, params); sum.Usage.PromptTokens != 11 || sum.Usage.CompletionTokens != 27 {
		t.Errorf("usage asked for: %+v", sum.Usage)
	}
}

func TestTools(t *testing.T) {
	weather := openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
		Name: "get_weather", Description: openai.String("weather"),
		Parameters: shared.FunctionParameters{
			"type": "object", "required": []string{"city"}, "properties": map[string]any{"city": map[string]string{"type": "string"}},
		},
	})
	params := hi(toolsModel("tools:openai"))
	params.Tools = []openai.ChatCompletionToolUnionParam{weather}
	whole := chat(t, params).Choices[0]
	params.Model = toolsModel("tools:openai-stream")
	sum, _ := stream(t, params)
	for _, choice := range []openai.ChatCompletionChoice{whole, sum.Choices[0]} {
		call := choice.Message.ToolCalls[0].Function
		if call.Name != "get_weather" || call.Arguments != `{"city":"Berlin"}` || choice.FinishReason != "tool_calls" {
			t.Errorf("%+v", choice)
		}
	}
	next := hi("tiny-chat")
	next.Messages = append(next.Messages, whole.Message.ToParam(), openai.ToolMessage("rain", whole.Message.ToolCalls[0].ID))
	if m := chat(t, next); m.Choices[0].Message.Content != answer {
		t.Errorf("after the tool: %s", m.RawJSON())
	}
}

// toolsModel calls the tool: the test Ollama is scripted to, under a name for each case; the real tiny-tools does.
func toolsModel(name string) string {
	if os.Getenv("PADDOCK_REAL_OLLAMA") != "" {
		return "tiny-tools"
	}
	return name
}

func TestJSON(t *testing.T) {
	params := hi("tiny-tools")
	params.ResponseFormat.OfJSONObject = &shared.ResponseFormatJSONObjectParam{}
	if m := chat(t, params); !strings.HasPrefix(m.Choices[0].Message.Content, `{"name":`) {
		t.Errorf("%s", m.RawJSON())
	}
}

func TestEmbeddings(t *testing.T) {
	client := as("PADDOCK_KEY")
	params := openai.EmbeddingNewParams{Model: "tiny-embed", Dimensions: openai.Int(8), EncodingFormat: openai.EmbeddingNewParamsEncodingFormatFloat}
	params.Input.OfArrayOfStrings = []string{"hello world", "zebra"}
	m, err := client.Embeddings.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Data) != 2 || m.Usage.PromptTokens != 19 {
		t.Fatalf("%s", m.RawJSON())
	}
	for _, d := range m.Data {
		var square float64
		for _, f := range d.Embedding {
			square += f * f
		}
		if len(d.Embedding) != 8 || math.Abs(square-1) > 1e-5 {
			t.Errorf("vector %d has %d dimensions and the length² %v", d.Index, len(d.Embedding), square)
		}
	}
}

func TestModels(t *testing.T) {
	for key, want := range map[string]int{"PADDOCK_KEY": 7, "PADDOCK_NARROW_KEY": 1} {
		client := as(key)
		var ids []string
		list := client.Models.ListAutoPaging(t.Context())
		for list.Next() {
			ids = append(ids, list.Current().ID)
		}
		if list.Err() != nil || !slices.Contains(ids, "tiny-chat:latest") || len(ids) < want || want == 1 && len(ids) != 1 {
			t.Errorf("%s: %q, %v", key, ids, list.Err())
		}
		m, err := client.Models.Get(t.Context(), "library/tiny-chat")
		if err != nil || m.ID != "library/tiny-chat" || m.OwnedBy != "library" {
			t.Errorf("%s: %+v, %v", key, m, err)
		}
	}
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		key, model, kind, code, message string
		status                          int
	}{
		"wrong key":       {"pdk_wrong", "tiny-chat", "authentication_error", "UNAUTHENTICATED", "a valid session token or API key is needed", 401},
		"forbidden model": {"PADDOCK_NARROW_KEY", "tiny-tools", "permission_error", "MODEL_NOT_ALLOWED", "you may not use the model tiny-tools:latest", 403},
		"unknown model":   {"PADDOCK_KEY", "nope", "", "", "model 'nope' not found", 404},
		"exceeded quota":  {"PADDOCK_POOR_KEY", "tiny-chat", "rate_limit_error", "QUOTA_EXCEEDED", "token quota exceeded: 0 of 0 tokens used this day", 429},
		"bad model name":  {"PADDOCK_KEY", "no model!", "invalid_request_error", "INVALID_ARGUMENT", "model: is no model name", 400},
	} {
		t.Run(name, func(t *testing.T) {
			client := as(c.key)
			_, whole := client.Chat.Completions.New(t.Context(), hi(c.model))
			s := client.Chat.Completions.NewStreaming(t.Context(), hi(c.model))
			for _, err := range []error{whole, s.Err()} {
				var told *openai.Error
				if !errors.As(err, &told) {
					t.Fatalf("%v", err)
				}
				if told.StatusCode != c.status || told.Code != c.code || c.kind != "" && told.Type != c.kind || !strings.HasPrefix(told.Message, c.message) {
					t.Errorf("%d %s", told.StatusCode, told.RawJSON())
				}
			}
		})
	}
}

func TestAbort(t *testing.T) {
	client := as("PADDOCK_KEY")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := client.Chat.Completions.NewStreaming(ctx, hi("tiny-slow"))
	chunks := 0
	for s.Next() {
		if chunks++; chunks == 5 {
			cancel()
		}
	}
	if !errors.Is(s.Err(), context.Canceled) || chunks < 5 {
		t.Errorf("%v after %d chunks", s.Err(), chunks)
	}
	s = client.Chat.Completions.NewStreaming(t.Context(), hi("tiny-slow"))
	if !s.Next() {
		t.Fatal(s.Err())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestResponses(t *testing.T) {
	client := as("PADDOCK_KEY")
	params := responses.ResponseNewParams{
		Model: "tiny-chat", PromptCacheKey: openai.String("a session"),
		Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("hi")},
	}
	r, err := client.Responses.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	if r.OutputText() != answer || r.Status != "completed" || r.Usage.OutputTokens != 27 {
		t.Errorf("%s", r.RawJSON())
	}
	s := client.Responses.NewStreaming(t.Context(), params)
	defer s.Close()
	var text, last string
	pieces := 0
	for ; s.Next(); pieces++ {
		text += s.Current().Delta
		last = s.Current().Type
	}
	if s.Err() != nil || text != answer || last != "response.completed" || pieces < 20 {
		t.Errorf("%d events to %s, %v: %q", pieces, last, s.Err(), text)
	}
}
