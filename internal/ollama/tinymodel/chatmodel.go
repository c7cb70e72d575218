package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

const (
	chatLength  = 128 // embedding length; one dimension for each state of the chains
	chatContext = 2048
)

// A chain is a text that the chat model can produce. The control token start,
// last in the prompt, picks it; every word is one token and so, mostly, one
// streamed piece. At its end the model stops, or goes back to the first word.
type chain struct {
	start string
	words []string
	loop  bool
}

// A word may occur in one chain only, and once: it has one successor.
var chains = []chain{
	{start: "<|assistant|>", words: words("Hello|!| I| am| tiny-chat|,| a| test| model|.| Unicode|:| café| 日本語| |\xf0|\x9f|\x99|\x82| <b>bold</b>| &amp;| \"quotes\"|\n|Good| bye|.\n")},
	{start: "<|loop|>", words: words("alpha| beta| gamma| delta| epsilon| zeta| eta| theta| iota| kappa| lambda| mu| nu| xi| omicron| pi| rho| sigma| tau| upsilon| phi| chi| psi| omega\n"), loop: true},
	{start: "<|tool|>", words: words(`{"name":| "get_weather",| "parameters":| {"city":| "Berlin"}}`)},
	// Ollama gives up after 30 equal pieces: the stream ends without a done line.
	{start: "<|stuck|>", words: words("again"), loop: true},
	{start: "<|think|>", words: words("<think>|Let| me| think| about| this|</think>|The| answer| is| 42")},
}

func words(s string) []string { return strings.Split(s, "|") }

// GGUF token types.
const (
	normalToken  = 1
	unknownToken = 2
	controlToken = 3
	byteToken    = 6
)

// First ids of the vocabulary: three control tokens, 256 bytes, the blank.
const (
	endToken   = 2
	firstByte  = 3
	blankToken = firstByte + 256
)

// vocabulary holds the tokens and the Markov chain over them: state[t] is the
// state that token t leads to, next[s] the one token that follows state s. State
// 0, where every prompt byte leads, is followed as <|assistant|> is.
type vocabulary struct {
	tokens []string
	types  []int32
	state  []int
	next   []int
}

func newVocabulary() *vocabulary {
	v := &vocabulary{next: make([]int, 1)}
	v.token("<unk>", unknownToken)
	v.token("<s>", controlToken)
	v.token("</s>", controlToken)
	for i := range 256 {
		v.token(fmt.Sprintf("<0x%02X>", i), byteToken)
	}
	v.token("▁", normalToken)
	for _, c := range chains {
		v.addChain(c)
	}
	v.next[0] = v.next[1]
	return v
}

// token adds a token and gives its id.
func (v *vocabulary) token(text string, kind int32) int {
	v.tokens, v.types, v.state = append(v.tokens, text), append(v.types, kind), append(v.state, 0)
	return len(v.tokens) - 1
}

// word returns the token that writes w.
func (v *vocabulary) word(w string) int {
	switch {
	case w == " ":
		return blankToken
	case len(w) == 1 && w[0] >= 0x80: // part of a character that takes several tokens
		return firstByte + int(w[0])
	}
	return v.token(strings.ReplaceAll(w, " ", "▁"), normalToken)
}

// newState returns the state that token leads to from now on.
func (v *vocabulary) newState(token int) int {
	v.state[token] = len(v.next)
	v.next = append(v.next, endToken)
	return v.state[token]
}

func (v *vocabulary) addChain(c chain) {
	state := v.newState(v.token(c.start, controlToken))
	start := state
	for _, w := range c.words {
		token := v.word(w)
		v.next[state] = token
		state = v.newState(token)
	}
	if c.loop {
		v.next[state] = v.next[start]
	}
}

// chatModel builds a llama model of so many blocks. The embedding of a token is
// the unit vector of its state, and the output row of a token has a large value
// at each state that it follows: every answer is known in advance. Attention and
// feed-forward run for real, at their usual cost, but their output is zero.
func chatModel(name string, blocks int) *gguf {
	v := newVocabulary()
	scores := make([]float32, len(v.tokens))
	for i := range scores {
		scores[i] = -float32(i)
	}
	g := &gguf{}
	g.set("general.architecture", "llama")
	g.set("general.name", name)
	g.set("general.file_type", 0)
	g.set("llama.block_count", blocks)
	g.set("llama.context_length", chatContext)
	g.set("llama.embedding_length", chatLength)
	g.set("llama.feed_forward_length", 2*chatLength)
	g.set("llama.attention.head_count", chatLength/32)
	g.set("llama.attention.head_count_kv", chatLength/32)
	g.set("llama.attention.layer_norm_rms_epsilon", float32(1e-5))
	g.set("llama.rope.dimension_count", 32)
	g.set("llama.vocab_size", len(v.tokens))
	g.set("tokenizer.ggml.model", "llama")
	g.set("tokenizer.ggml.tokens", v.tokens)
	g.set("tokenizer.ggml.scores", scores)
	g.set("tokenizer.ggml.token_type", v.types)
	g.set("tokenizer.ggml.bos_token_id", 1)
	g.set("tokenizer.ggml.eos_token_id", endToken)
	g.set("tokenizer.ggml.unknown_token_id", 0)
	g.set("tokenizer.ggml.add_bos_token", true)
	g.set("tokenizer.ggml.add_space_prefix", false)
	addChatTensors(g, v, blocks)
	return g
}

func addChatTensors(g *gguf, v *vocabulary, blocks int) {
	const e, f = chatLength, 2 * chatLength
	n := uint64(len(v.tokens))
	embedding, output := make([]float32, e*n), make([]float32, e*n)
	for token, state := range v.state {
		embedding[token*e+state] = 1
	}
	for state, token := range v.next {
		output[token*e+state] = 8 // RMS norm makes the 1 a √e: a logit of 8√e
	}
	g.add("token_embd.weight", embedding, e, n)
	g.add("output_norm.weight", constant(e, 1), e)
	g.add("output.weight", output, e, n)

	rnd := rand.New(rand.NewPCG(1, 2))
	attnQ, attnK, attnV := gauss(rnd, e*e, e), gauss(rnd, e*e, e), gauss(rnd, e*e, e)
	gate, up := gauss(rnd, e*f, e), gauss(rnd, e*f, e)
	for i := range blocks { // all alike
		block := fmt.Sprintf("blk.%d.", i)
		g.add(block+"attn_norm.weight", constant(e, 1), e)
		g.add(block+"ffn_norm.weight", constant(e, 1), e)
		g.add(block+"attn_q.weight", attnQ, e, e)
		g.add(block+"attn_k.weight", attnK, e, e)
		g.add(block+"attn_v.weight", attnV, e, e)
		g.add(block+"attn_output.weight", constant(e*e, 0), e, e)
		g.add(block+"ffn_gate.weight", gate, e, f)
		g.add(block+"ffn_up.weight", up, e, f)
		g.add(block+"ffn_down.weight", constant(f*e, 0), f, e)
	}
}
