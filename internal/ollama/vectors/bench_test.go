package vectors

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"
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

func BenchmarkDecode(b *testing.B) {
	b.Run("paddock", func(b *testing.B) {
		b.SetBytes(int64(len(batch)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Decode(bytes.NewReader(batch), 512); err != nil {
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
