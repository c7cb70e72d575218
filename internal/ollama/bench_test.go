package ollama

import (
	"bufio"
	"strings"
	"testing"
)

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
