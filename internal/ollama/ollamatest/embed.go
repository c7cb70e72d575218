package ollamatest

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

const (
	embedModel      = "tiny-embed"
	embedDimensions = 64
	embedContext    = 512 // tokens
	chatDimensions  = 128
)

func embed(x *exchange) {
	var request struct {
		Model      string
		Input      any
		Dimensions int
		Truncate   *bool
		KeepAlive  *duration `json:"keep_alive"`
	}
	if refused := x.decode(&request); refused != nil {
		x.refuseUnread(refused)
		return
	}
	input, ok := inputs(request.Input)
	if !ok {
		x.refuse(http.StatusBadRequest, "invalid input type")
		return
	}
	model, ok := x.embedder(request.Model)
	if !ok {
		return
	}
	answer := embedAnswer{Model: request.Model, Embeddings: make([][]float32, len(input))}
	for i, text := range input {
		if request.Truncate != nil && !*request.Truncate && model.tooLong(text) {
			x.refuse(http.StatusBadRequest, "the input length exceeds the context length")
			return
		}
		answer.Embeddings[i] = model.vector(text, request.Dimensions)
		answer.PromptEvalCount += model.textTokens(text)
	}
	if len(input) > 0 {
		answer.TotalDuration = max(time.Since(x.begun), 1)
		answer.LoadDuration = 1
	}
	x.json(http.StatusOK, answer)
}

// legacyEmbeddings answers /api/embeddings, which knows one text.
func legacyEmbeddings(x *exchange) {
	var request struct{ Model, Prompt string }
	if refused := x.decode(&request); refused != nil {
		x.refuseUnread(refused)
		return
	}
	model, ok := x.embedder(request.Model)
	if !ok {
		return
	}
	answer := struct {
		Embedding []float64 `json:"embedding"`
	}{[]float64{}}
	if request.Prompt != "" {
		for _, f := range model.vector(request.Prompt, 0) {
			answer.Embedding = append(answer.Embedding, float64(f))
		}
	}
	x.json(http.StatusOK, answer)
}

// embedder returns a model for embeddings, or refuses the request.
func (x *exchange) embedder(asked string) (knownModel, bool) {
	model, known := x.server.model(asked)
	switch {
	case known:
	case asked == "":
		x.refuse(http.StatusInternalServerError, "unqualified name: registry.ollama.ai/library/!MISSING!:latest")
	case !validName(asked):
		x.refuse(http.StatusInternalServerError, "unqualified name: registry.ollama.ai/library/"+asked)
	default:
		x.refuse(http.StatusNotFound, fmt.Sprintf("model %q not found, try pulling it first", asked))
	}
	return model, known
}

type embedAnswer struct {
	Model           string        `json:"model"`
	Embeddings      [][]float32   `json:"embeddings"`
	TotalDuration   time.Duration `json:"total_duration,omitempty"`
	LoadDuration    time.Duration `json:"load_duration,omitempty"`
	PromptEvalCount int           `json:"prompt_eval_count,omitempty"`
}

// inputs reads a string or a list of strings; "" and null are no input.
func inputs(v any) (list []string, ok bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case string:
		if v == "" {
			return nil, true
		}
		return []string{v}, true
	case []any:
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, false
			}
			list = append(list, s)
		}
		return list, true
	}
	return nil, false
}

// tokensOf counts as the real models do: tiny-embed a token a character, and
// two; the others one a byte, and one.
func (m knownModel) tokensOf(text string) int {
	if m.embeds {
		return len([]rune(strings.Join(strings.Fields(text), ""))) + 2
	}
	return len(text) + 1
}

func (m knownModel) context() int {
	if m.embeds {
		return embedContext
	}
	return chatContext
}

func (m knownModel) tooLong(text string) bool   { return m.tokensOf(text) > m.context() }
func (m knownModel) textTokens(text string) int { return min(m.tokensOf(text), m.context()) }

// vector is a unit vector that the text decides, cut to the dimensions asked
// for. A chat model's ends in the same state whatever the text.
func (m knownModel) vector(text string, dimensions int) []float32 {
	if !m.embeds {
		v := make([]float32, chatDimensions)
		v[0] = 1
		return v[:cut(dimensions, chatDimensions)]
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(strings.ToLower(text)))
	random := rand.New(rand.NewPCG(hash.Sum64(), 0))
	v := make([]float64, embedDimensions)
	for i := range v {
		v[i] = random.NormFloat64()
	}
	return unit(v[:cut(dimensions, embedDimensions)])
}

func cut(dimensions, all int) int {
	if dimensions <= 0 || dimensions > all {
		return all
	}
	return dimensions
}

func unit(v []float64) []float32 {
	var sum float64
	for _, f := range v {
		sum += f * f
	}
	u := make([]float32, len(v))
	for i, f := range v {
		u[i] = float32(f / math.Sqrt(sum))
	}
	return u
}
