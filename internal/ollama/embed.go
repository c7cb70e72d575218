package ollama

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/paddock-gate/paddock/internal/ollama/vectors"
)

// Embeddings are the vectors of some texts.
type Embeddings = vectors.Embeddings

// maxEmbedAnswer bounds an answer: 2,048 vectors of 4,096 dimensions are some 100 MiB of JSON.
const maxEmbedAnswer = 256 << 20

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
	e, err := vectors.Decode(io.LimitReader(a, maxEmbedAnswer), inputs)
	switch {
	case errors.Is(err, vectors.ErrSyntax):
		return nil, ErrNonsense.WithCause(err)
	case err != nil:
		return nil, err
	}
	a.Drain()
	if len(e.Vectors) != inputs {
		return nil, ErrNonsense.WithCause(fmt.Errorf("%d vectors for %d inputs", len(e.Vectors), inputs))
	}
	return e, nil
}
