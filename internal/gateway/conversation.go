package gateway

import (
	"net/http"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/relay"
)

// conversationHeaders are those that coding agents name a conversation in.
var conversationHeaders = [...]string{"X-Claude-Code-Session-Id", "Session-Id", "X-Session-Affinity"}

// promptFields are those that a prompt begins with, in this order.
var promptFields = [...]string{"system", "instructions", "messages", "input", "prompt"}

// affinity returns what the calls of one conversation share.
func affinity(r *http.Request, q *request) uint64 {
	name := q.conversation
	for _, header := range conversationHeaders {
		if v := r.Header.Get(header); v != "" {
			name = v
			break
		}
	}
	var prompt [][]byte
	for _, key := range promptFields {
		for _, m := range q.fields {
			if m.Key == key {
				prompt = append(prompt, m.Value)
			}
		}
	}
	return relay.Affinity(caller.From(r.Context()), name, prompt...)
}
