// Package langchaingo_test asks Paddock what LangChain for Go asks: by Ollama's API with the key in the address, which is all
// that it has a place for, and by OpenAI's. cmd/paddock/clients_test.go runs it and passes it the address.
package langchaingo_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/embeddings"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/ollama"
	"github.com/tmc/langchaingo/llms/openai"
)

const answer = "Hello! I am tiny-chat, a test model. Unicode: café 日本語 🙂 <b>bold</b> &amp; \"quotes\"\nGood bye.\n"

func TestMain(m *testing.M) {
	if os.Getenv("PADDOCK_URL") == "" {
		panic("cmd/paddock/clients_test.go runs these tests, against a server of its own")
	}
	os.Exit(m.Run())
}

// ofOllama has the key as the password in its address.
func ofOllama(t *testing.T, key, model string) *ollama.LLM {
	t.Helper()
	address := strings.Replace(os.Getenv("PADDOCK_URL"), "://", "://x:"+key+"@", 1)
	llm, err := ollama.New(ollama.WithServerURL(address), ollama.WithModel(model))
	if err != nil {
		t.Fatal(err)
	}
	return llm
}

func ofOpenAI(t *testing.T, key, model string) *openai.LLM {
	t.Helper()
	llm, err := openai.New(
		openai.WithBaseURL(os.Getenv("PADDOCK_URL")+"/v1"), openai.WithToken(key), openai.WithModel(model), openai.WithEmbeddingModel(model),
	)
	if err != nil {
		t.Fatal(err)
	}
	return llm
}

// both are the two ways to a model.
func both(t *testing.T, key, model string) map[string]llms.Model {
	t.Helper()
	return map[string]llms.Model{"ollama": ofOllama(t, key, model), "openai": ofOpenAI(t, key, model)}
}

func hi() []llms.MessageContent {
	return []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeSystem, "Be kind."), llms.TextParts(llms.ChatMessageTypeHuman, "hi")}
}

func TestChat(t *testing.T) {
	for name, llm := range both(t, os.Getenv("PADDOCK_KEY"), "tiny-chat") {
		m, err := llm.GenerateContent(t.Context(), hi())
		if err != nil || m.Choices[0].Content != answer {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
		var pieces []string
		m, err = llm.GenerateContent(t.Context(), hi(), llms.WithStreamingFunc(func(_ context.Context, piece []byte) error {
			pieces = append(pieces, string(piece))
			return nil
		}))
		if err != nil || m.Choices[0].Content != answer || len(pieces) < 20 {
			t.Errorf("%s: %d pieces, %+v, %v", name, len(pieces), m, err)
		}
	}
}

func TestEmbeddings(t *testing.T) {
	key := os.Getenv("PADDOCK_KEY")
	for name, client := range map[string]embeddings.EmbedderClient{
		"ollama": ofOllama(t, key, "tiny-embed"), "openai": ofOpenAI(t, key, "tiny-embed"),
	} {
		made, err := client.CreateEmbedding(t.Context(), []string{"hello world", "zebra"})
		if err != nil || len(made) != 2 || len(made[0]) != 64 {
			t.Errorf("%s: %d embeddings, %v", name, len(made), err)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ key, model, message string }{
		{"pdk_wrong", "tiny-chat", "API key is needed"},
		{os.Getenv("PADDOCK_POOR_KEY"), "tiny-chat", "quota exceeded: 0 of 0 tokens"},
		{os.Getenv("PADDOCK_KEY"), "nope", "model 'nope' not found"},
	} {
		for name, llm := range both(t, c.key, c.model) {
			_, err := llm.GenerateContent(t.Context(), hi())
			if err == nil || !strings.Contains(err.Error(), c.message) {
				t.Errorf("%s: %v, want %s", name, err, c.message)
			}
		}
	}
}

func TestAbort(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	pieces := 0
	// It may take the end of its connection for the end of the answer, so there is no error to be sure of.
	_, _ = ofOllama(t, os.Getenv("PADDOCK_KEY"), "tiny-slow").GenerateContent(ctx, hi(),
		llms.WithStreamingFunc(func(context.Context, []byte) error {
			if pieces++; pieces == 5 {
				cancel()
			}
			return nil
		}))
	if ctx.Err() == nil || pieces < 5 {
		t.Errorf("not stopped after %d pieces", pieces)
	}
}
