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
	}
	if refused := x.decode(&request); refused != nil {
		x.refuseUnread(refused)
		return
	}
	input, ok := inputs(request.Input)
	name := shortName(request.Model)
	_, isChat := chatModels[name]
	switch {
	case !ok:
		x.refuse(http.StatusBadRequest, "invalid input type")
		return
	case name == "":
		x.refuse(http.StatusInternalServerError, "unqualified name: registry.ollama.ai/library/!MISSING!:latest")
		return
	case name != embedModel && !isChat:
		x.refuse(http.StatusNotFound, fmt.Sprintf("model %q not found, try pulling it first", request.Model))
		return
	}
	answer := embedAnswer{Model: request.Model, Embeddings: make([][]float32, len(input))}
	for i, text := range input {
		answer.Embeddings[i] = vector(text, isChat, request.Dimensions)
		answer.PromptEvalCount += embedTokens(text)
	}
	if len(input) > 0 {
		answer.TotalDuration = max(time.Since(x.begun), 1)
		answer.LoadDuration = 1
	}
	x.json(http.StatusOK, answer)
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

// embedTokens counts as the real tiny-embed does: a token a character, and two.
func embedTokens(text string) int {
	return min(len([]rune(strings.Join(strings.Fields(text), "")))+2, embedContext)
}

// vector is a unit vector that the text decides, cut to the dimensions asked
// for. A chat model's ends in the same state whatever the text.
func vector(text string, isChat bool, dimensions int) []float32 {
	if isChat {
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
