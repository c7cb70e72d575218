package gateway

import (
	"strconv"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// load returns what the request says of how to load its model.
func (q *request) load() (l ollama.Load) {
	for _, m := range q.options {
		if m.key == "num_ctx" {
			l.NumCtx, _ = strconv.ParseInt(string(m.value), 10, 64)
		}
	}
	for _, m := range q.fields {
		if m.key == "shift" {
			l.Shift = new(string(m.value) == "true")
		}
	}
	return l
}
