package gateway

import (
	"net/http"

	"github.com/paddock-gate/paddock/internal/usage"
)

// countTokens answers how many tokens a request to Anthropic's API would have: the estimate that the ledger reserves, since no
// Ollama server counts without answering.
func (g *Gateway) countTokens(w http.ResponseWriter, r *http.Request) error {
	q, err := g.admit(r, anthropicMessages)
	if err != nil {
		return err
	}
	return g.write(w, Anthropic, struct {
		InputTokens int64 `json:"input_tokens"`
	}{usage.Estimate(q.text)})
}
