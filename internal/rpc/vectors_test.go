package rpc

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

func compacted(t *testing.T, b []byte, err error) string {
	t.Helper()
	var c bytes.Buffer
	if err == nil {
		err = json.Compact(&c, b)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return c.String()
}

// TestJSON_Embeddings are what protobuf's encoder writes, to the byte.
func TestJSON_Embeddings(t *testing.T) {
	odd := []float32{
		0, float32(math.Copysign(0, -1)), 1, -1, 0.1, 1e-6, 9.99e-7, 1e-9, -1e-9, 1e-10, 1e20, 1e21, -1e22, math.MaxFloat32,
		math.SmallestNonzeroFloat32, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)),
	}
	many := make([]float32, 2000)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range many {
		many[i] = math.Float32frombits(random.Uint32())
	}
	for _, m := range []*paddockv1.EmbedResponse{
		{},
		{PromptTokens: 7},
		{Embeddings: []*paddockv1.Embedding{{}, nil}},
		{Embeddings: []*paddockv1.Embedding{{Values: odd}, {Values: many}}, PromptTokens: math.MaxInt64},
	} {
		got, err := jsonCodec("json").Marshal(m)
		want, wantErr := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
		if got, want := compacted(t, got, err), compacted(t, want, wantErr); got != want {
			t.Errorf("got %.300s\nwant %.300s", got, want)
		}
		var back paddockv1.EmbedResponse
		if err := protojson.Unmarshal(got, &back); err != nil || len(m.GetEmbeddings()) == 0 && !proto.Equal(&back, m) {
			t.Errorf("%v, read back: %.100v", err, &back)
		}
	}
}
