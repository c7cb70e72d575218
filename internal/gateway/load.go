package gateway

import (
	"strconv"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// load returns what the request says of how to load its model.
func (q *request) load() (l ollama.Load) {
	for _, m := range q.options {
		if m.Key == "num_ctx" {
			l.NumCtx, _ = strconv.ParseInt(string(m.Value), 10, 64)
		}
	}
	for _, m := range q.fields {
		if m.Key == "shift" {
			l.Shift = new(string(m.Value) == "true")
		}
	}
	return l
}
