package main

import "math/rand/v2"

const (
	embedLength  = 64
	embedContext = 512
)

// embedModel builds a one-block bert model with mean pooling and random weights
// from a fixed seed: unit vectors of 64 dimensions that differ by text. Its
// tokens are single printable ASCII characters without upper case.
func embedModel() *gguf {
	tokens, types := []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}, []int32{3, 2, 3, 3, 3}
	for c := '!'; c <= '~'; c++ {
		if c < 'A' || c > 'Z' {
			tokens, types = append(tokens, "▁"+string(c), string(c)), append(types, 1, 1)
		}
	}
	g := &gguf{}
	g.set("general.architecture", "bert")
	g.set("general.name", "tiny-embed")
	g.set("general.file_type", 0)
	g.set("bert.block_count", 1)
	g.set("bert.context_length", embedContext)
	g.set("bert.embedding_length", embedLength)
	g.set("bert.feed_forward_length", 2*embedLength)
	g.set("bert.attention.head_count", 4)
	g.set("bert.attention.layer_norm_epsilon", float32(1e-12))
	g.set("bert.attention.causal", false)
	g.set("bert.pooling_type", 1) // mean; its presence marks the model as embedding-only
	g.set("tokenizer.ggml.model", "bert")
	g.set("tokenizer.ggml.token_type_count", 2)
	g.set("tokenizer.ggml.tokens", tokens)
	g.set("tokenizer.ggml.scores", make([]float32, len(tokens)))
	g.set("tokenizer.ggml.token_type", types)
	for _, special := range []struct {
		name string
		id   int
	}{{"padding", 0}, {"unknown", 1}, {"cls", 2}, {"bos", 2}, {"seperator", 3}, {"eos", 3}, {"mask", 4}} { //nolint:misspell // GGUF spells it so
		g.set("tokenizer.ggml."+special.name+"_token_id", special.id)
	}
	addEmbedTensors(g, uint64(len(tokens)))
	return g
}

func addEmbedTensors(g *gguf, vocabulary uint64) {
	const e, f = embedLength, 2 * embedLength
	rnd := rand.New(rand.NewPCG(3, 4))
	norm := func(name string) {
		g.add(name+".weight", constant(e, 1), e)
		g.add(name+".bias", constant(e, 0), e)
	}
	linear := func(name string, in, out uint64) {
		g.add(name+".weight", gauss(rnd, in*out, in), in, out)
		g.add(name+".bias", constant(out, 0), out)
	}
	g.add("token_embd.weight", gauss(rnd, e*vocabulary, 1), e, vocabulary)
	g.add("token_types.weight", constant(e*2, 0), e, 2)
	g.add("position_embd.weight", gauss(rnd, e*embedContext, 16), e, embedContext)
	norm("token_embd_norm")
	for _, w := range []string{"attn_q", "attn_k", "attn_v", "attn_output"} {
		linear("blk.0."+w, e, e)
	}
	norm("blk.0.attn_output_norm")
	linear("blk.0.ffn_up", e, f)
	linear("blk.0.ffn_down", f, e)
	norm("blk.0.layer_output_norm")
}
