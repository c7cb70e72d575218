package upstream

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// batch returns a big answer of /api/embed: 512 vectors of 1,024 dimensions, 6 MB.
func batch() []byte {
	random := rand.New(rand.NewPCG(1, 1))
	vectors := make([][]float32, 512)
	for i := range vectors {
		vectors[i] = make([]float32, 1024)
		for j := range vectors[i] {
			vectors[i][j] = float32(random.NormFloat64() / 32)
		}
	}
	b, err := json.Marshal(map[string]any{"model": "m", "embeddings": vectors, "prompt_eval_count": 4096})
	if err != nil {
		panic(err)
	}
	return b
}

func benchPool(b *testing.B, server *ollamatest.Server) *Pool {
	base, err := url.Parse(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	return New(Config{BaseURLs: []*url.URL{base}, ConnectTimeout: time.Second, FirstTokenTimeout: time.Minute, IdleTimeout: time.Minute})
}

// One operation is a piece of a stream over the loopback, the server's writing
// included.
func BenchmarkChat(b *testing.B) {
	server := ollamatest.Start(b)
	server.Script("tiny-loop", ollamatest.Pace(time.Nanosecond), ollamatest.Answer())
	c := benchPool(b, server)
	b.ReportAllocs()
	b.ResetTimer()
	left := b.N
	for _, err := range c.Chat(context.Background(), Turn{}, ollama.ChatRequest{Model: "tiny-loop", Messages: []ollama.Message{{Role: "user", Content: "hi"}}}) {
		if err != nil {
			b.Fatal(err)
		}
		if left--; left <= 0 {
			break
		}
	}
}

// One operation is a batch over the loopback, the server's writing included.
func BenchmarkEmbed(b *testing.B) {
	server := ollamatest.Start(b)
	server.Script("tiny-embed", ollamatest.Body(batch()))
	c := benchPool(b, server)
	input := make([]string, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Embed(context.Background(), Turn{}, "tiny-embed", input); err != nil {
			b.Fatal(err)
		}
	}
}
