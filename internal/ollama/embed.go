package ollama

import (
	"encoding/json"
	"fmt"
	"io"
)

// Embeddings are the vectors of some texts.
type Embeddings struct {
	Vectors      [][]float32 // one for each input, in order
	PromptTokens int64       // 0 when the server did not say
}

// Bounds of an answer. 2,048 vectors of 4,096 dimensions are some 100 MiB of JSON and
// 8 Mi numbers: 32 MiB once decoded, which is all that is kept of them.
const (
	maxEmbedAnswer  = 256 << 20
	maxEmbedNumbers = 16 << 20
)

// EncodeEmbed returns the body for api/embed of a model's canonical name.
func EncodeEmbed(model string, input []string) (*Body, error) {
	if input == nil {
		input = []string{} // null would not be a list
	}
	body, err := json.Marshal(struct {
		Model string   `json:"model"`
		Input []string `json:"input"`
	}{model, input})
	if err != nil {
		return nil, badRequest("the input cannot be sent")
	}
	return NewBody(body), nil
}

// Embeddings reads the answer of api/embed for that many inputs, and closes it.
func (a *Answer) Embeddings(inputs int) (*Embeddings, error) {
	a, err := a.OrError()
	if err != nil {
		return nil, err
	}
	defer a.Close()
	e, err := decodeEmbeddings(io.LimitReader(a, maxEmbedAnswer), inputs)
	if err != nil {
		return nil, err
	}
	a.Drain()
	if len(e.Vectors) != inputs {
		return nil, ErrNonsense.WithCause(fmt.Errorf("%d vectors for %d inputs", len(e.Vectors), inputs))
	}
	return e, nil
}
