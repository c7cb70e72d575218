package ollama

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// Embeddings are the vectors of some texts.
type Embeddings struct {
	Vectors      [][]float32 // one for each input, in order
	PromptTokens int64       // 0 when the upstream did not say
}

// Bounds of an answer. 2,048 vectors of 4,096 dimensions are some 100 MiB of JSON and
// 8 Mi numbers: 32 MiB once decoded, which is all that is kept of them.
const (
	maxEmbedAnswer  = 256 << 20
	maxEmbedNumbers = 16 << 20
)

// Embed gives one vector for each input; no input gives no vectors. Texts that
// are too long for the model are cut by the upstream.
func (c *Client) Embed(ctx context.Context, turn Turn, model string, input []string) (*Embeddings, error) {
	model, err := Canonical(model)
	if err != nil {
		return nil, err
	}
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
	a, err := c.Relay(ctx, Relay{Turn: turn, Path: "api/embed", Model: model, Body: NewBody(body), Whole: true})
	if err != nil {
		return nil, err
	}
	if a, err = a.orFault(); err != nil {
		return nil, err
	}
	defer a.Close()
	e, err := decodeEmbeddings(io.LimitReader(a, maxEmbedAnswer), len(input))
	if err != nil {
		return nil, err
	}
	a.drain()
	if len(e.Vectors) != len(input) {
		return nil, failed(messageNonsense, fmt.Errorf("%d vectors for %d inputs", len(e.Vectors), len(input)))
	}
	return e, nil
}
