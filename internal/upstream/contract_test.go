package upstream_test

import (
	"context"
	"errors"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/upstream"
)

// steps script the test Ollama.
type steps = []ollamatest.Step

// newClient returns a client with generous limits.
func newClient(t testing.TB, baseURL string) *upstream.Pool {
	return upstream.New(config(t, baseURL))
}

func config(t testing.TB, baseURL string) upstream.Config {
	t.Helper()
	u, err := url.Parse(baseURL)
	if err != nil {
		t.Fatal(err)
	}
	return upstream.Config{BaseURLs: []*url.URL{u}, ConnectTimeout: 2 * time.Second, FirstTokenTimeout: time.Minute, IdleTimeout: 30 * time.Second}
}

func hi(model string) ollama.ChatRequest {
	return ollama.ChatRequest{Model: model, Messages: []ollama.Message{{Role: "user", Content: "hi"}}}
}

// collect returns the whole text of a chat, its last piece, and how it failed.
func collect(ctx context.Context, c *upstream.Pool, request ollama.ChatRequest) (text string, pieces int, last ollama.ChatPiece, err error) {
	for piece, err := range c.Chat(ctx, upstream.Turn{}, request) {
		if err != nil {
			return text, pieces, last, err
		}
		text, pieces, last = text+piece.Content, pieces+1, piece
	}
	return text, pieces, last, nil
}

func TestContract(t *testing.T) {
	ollamatest.Each(t, func(t *testing.T, baseURL string) {
		c := newClient(t, baseURL)
		for _, exchange := range contract {
			t.Run(exchange.name, func(t *testing.T) { exchange.run(t, c) })
		}
	})
}

var contract = []struct {
	name string
	run  func(*testing.T, *upstream.Pool)
}{
	{"version answers a ping", func(t *testing.T, c *upstream.Pool) {
		if err := c.Ping(t.Context())[0].Err; err != nil {
			t.Error(err)
		}
	}},
	{"version is told", func(t *testing.T, c *upstream.Pool) {
		if v, err := c.Version(t.Context()); v == "" || err != nil {
			t.Errorf("%q, %v", v, err)
		}
	}},
	{"tags list every model", func(t *testing.T, c *upstream.Pool) {
		list, err := c.Tags(t.Context())
		if !slices.ContainsFunc(list, func(m ollama.TaggedRaw) bool { return m.Name == "tiny-chat:latest" }) || err != nil {
			t.Errorf("%s, %v", names(list), err)
		}
	}},
	{"a chat is relayed", func(t *testing.T, c *upstream.Pool) { wantRelayed(t, c, "tiny-chat:latest") }},
	{"running models are listed", func(t *testing.T, c *upstream.Pool) {
		if list, err := c.Running(t.Context()); len(list) == 0 || err != nil {
			t.Errorf("%s, %v", names(list), err)
		}
	}},
	{"chat streams its text and ends with counts", wantChat(hi("tiny-chat"), ollamatest.ChatAnswer, "stop", 27)},
	{"chat stops at num_predict", wantChat(with(hi("tiny-chat"), ollama.Options{NumPredict: new(int32(3))}), "Hello! I", "length", 3)},
	{"chat stops before a stop sequence", wantChat(with(hi("tiny-chat"), ollama.Options{Stop: []string{"test"}}), "Hello! I am tiny-chat, a ", "stop", 8)},
	{"chat leaves thoughts out", wantChat(hi("tiny-think"), "The answer is 42", "stop", 12)},
	{"chat knows a model by every spelling", wantChat(hi("https://registry.ollama.ai/library/TINY-chat:Latest"), ollamatest.ChatAnswer, "stop", 27)},
	{"chat without a done line fails", func(t *testing.T, c *upstream.Pool) {
		text, _, _, err := collect(t.Context(), c, hi("tiny-stuck"))
		wantError(t, err, ollama.ErrFailed)
		if !strings.HasPrefix(text, "againagain") {
			t.Errorf("text %q, want what came before the end", text)
		}
	}},
	{"chat of an unknown model", func(t *testing.T, c *upstream.Pool) {
		_, _, _, err := collect(t.Context(), c, hi("nope"))
		wantError(t, err, ollama.ErrModelNotFound)
	}},
	{"chat of an embedding model", func(t *testing.T, c *upstream.Pool) {
		_, _, _, err := collect(t.Context(), c, hi("tiny-embed"))
		if e := wantError(t, err, ollama.ErrBadRequest); e.Message != `"tiny-embed:latest" does not support chat` {
			t.Errorf("message %q", e.Message)
		}
	}},
	{"embed returns unit vectors in order", func(t *testing.T, c *upstream.Pool) {
		one := wantVectors(t, c, 12, "hello world")
		two := wantVectors(t, c, 19, "hello world", "zebra")
		if !near(one[0], two[0]) || near(two[0], two[1]) {
			t.Error("vectors do not follow their texts")
		}
	}},
	{"embed of nothing returns nothing", func(t *testing.T, c *upstream.Pool) { wantVectors(t, c, 0) }},
	{"embed of empty texts returns a vector for each", func(t *testing.T, c *upstream.Pool) { wantVectors(t, c, 5, "a", "") }},
	{"embed of an unknown model", func(t *testing.T, c *upstream.Pool) {
		_, err := c.Embed(t.Context(), upstream.Turn{}, "nope", []string{"x"})
		wantError(t, err, ollama.ErrModelNotFound)
	}},
	{"models are listed with what they can do", wantModels},
	{"cancelling stops the upstream and leaves it usable", func(t *testing.T, c *upstream.Pool) {
		wantCancelled(t, c, "tiny-slow")
		wantChat(hi("tiny-chat"), ollamatest.ChatAnswer, "stop", 27)(t, c)
	}},
}

func with(r ollama.ChatRequest, o ollama.Options) ollama.ChatRequest {
	r.Options = o
	return r
}

// wantChat asks "hi", which is 11 tokens for the chat models.
func wantChat(request ollama.ChatRequest, text, reason string, tokens int64) func(*testing.T, *upstream.Pool) {
	return func(t *testing.T, c *upstream.Pool) {
		t.Helper()
		got, pieces, last, err := collect(t.Context(), c, request)
		if err != nil {
			t.Fatal(err)
		}
		if got != text {
			t.Errorf("text %q, want %q", got, text)
		}
		if pieces < 3 {
			t.Errorf("%d pieces, want a stream of them", pieces)
		}
		if !last.Done || last.DoneReason != reason || last.PromptTokens != 11 || last.CompletionTokens != tokens {
			t.Errorf("last piece %+v, want %s with 11 and %d tokens", last, reason, tokens)
		}
		if d := last.Durations; d.Total <= 0 || d.Total < d.Completion {
			t.Errorf("durations %+v", d)
		}
	}
}

func wantVectors(t *testing.T, c *upstream.Pool, tokens int64, input ...string) [][]float32 {
	t.Helper()
	e, err := c.Embed(t.Context(), upstream.Turn{}, "tiny-embed", input)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Vectors) != len(input) || e.PromptTokens != tokens {
		t.Fatalf("%d vectors for %d tokens, want %d for %d", len(e.Vectors), e.PromptTokens, len(input), tokens)
	}
	for i, v := range e.Vectors {
		if len(v) != 64 || math.Abs(dot(v, v)-1) > 1e-5 {
			t.Errorf("vector %d has %d dimensions and the length² %v", i, len(v), dot(v, v))
		}
	}
	return e.Vectors
}

func dot(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func near(a, b []float32) bool { return dot(a, b) > 0.999 }

func wantModels(t *testing.T, c *upstream.Pool) {
	models, err := c.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	can := map[string][]string{}
	for _, m := range models {
		can[m.Name] = m.Capabilities
		if m.SizeBytes < 300_000 || m.Family == "" || m.ParameterSize == "" || m.Quantization == "" || m.ModifiedAt.IsZero() {
			t.Errorf("model %+v is not told in full", m)
		}
	}
	for name, want := range map[string][]string{
		"tiny-chat:latest":  {"completion"},
		"tiny-think:latest": {"completion", "thinking"},
		"tiny-embed:latest": {"embedding"},
		"tiny-slow:latest":  {"completion"},
	} {
		if !slices.Equal(can[name], want) {
			t.Errorf("%s can do %q, want %q", name, can[name], want)
		}
	}
}

func wantCancelled(t *testing.T, c *upstream.Pool, model string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var pieces int
	var err error
	for _, err = range c.Chat(ctx, upstream.Turn{}, hi(model)) {
		if pieces++; pieces == 3 {
			cancel()
		}
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("after %d pieces: %v, want context.Canceled", pieces, err)
	}
}

// wantError checks an error's kind, and that it can be told to a caller.
func wantError(t *testing.T, err, kind error) *ollama.Error {
	t.Helper()
	var e *ollama.Error
	if !errors.As(err, &e) || !errors.Is(err, kind) {
		t.Fatalf("error %v, want %v", err, kind)
	}
	if e.Message == "" || strings.Contains(e.Message, "127.0.0.1") {
		t.Errorf("message %q is not for a caller", e.Message)
	}
	if (e.RetryAfter > 0) != errors.Is(kind, ollama.ErrUnavailable) {
		t.Errorf("%v says to retry after %v", kind, e.RetryAfter)
	}
	return e
}
