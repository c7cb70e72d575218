package ollama

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// batch is a big answer of /api/embed: 512 vectors of 1,024 dimensions, 6 MB.
var batch = func() []byte {
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
}()

func BenchmarkDecodeEmbeddings(b *testing.B) {
	b.Run("paddock", func(b *testing.B) {
		b.SetBytes(int64(len(batch)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decodeEmbeddings(bytes.NewReader(batch), 512); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(batch)))
		b.ReportAllocs()
		for b.Loop() {
			var answer struct{ Embeddings [][]float32 }
			if err := json.Unmarshal(batch, &answer); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDecodePiece(b *testing.B) {
	line := []byte(`{"model":"tiny-chat","created_at":"2026-11-22T19:59:32.474300056Z","message":{"role":"assistant","content":" tiny-chat"},"done":false}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodePiece(line); err != nil {
			b.Fatal(err)
		}
	}
}

// One operation is a piece of a stream, without the network.
func BenchmarkNextPiece(b *testing.B) {
	line := `{"model":"tiny-chat","created_at":"2026-11-22T19:59:32.474300056Z","message":{"role":"assistant","content":" tiny-chat"},"done":false}` + "\n"
	b.ReportAllocs()
	lines := bufio.NewScanner(strings.NewReader(strings.Repeat(line, b.N)))
	for range b.N {
		if _, err := nextPiece(lines); err != nil {
			b.Fatal(err)
		}
	}
}

func benchClient(b *testing.B, server *ollamatest.Server) *Client {
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
	c := benchClient(b, server)
	b.ReportAllocs()
	b.ResetTimer()
	left := b.N
	for _, err := range c.Chat(context.Background(), ChatRequest{Model: "tiny-loop", Messages: []Message{{Role: "user", Content: "hi"}}}) {
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
	server.Script("tiny-embed", ollamatest.Body(batch))
	c := benchClient(b, server)
	input := make([]string, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Embed(context.Background(), Turn{}, "tiny-embed", input); err != nil {
			b.Fatal(err)
		}
	}
}
