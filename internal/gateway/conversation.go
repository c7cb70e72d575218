package gateway

import (
	"hash/fnv"
	"net/http"

	"github.com/paddock-gate/paddock/internal/caller"
)

// headOfPrompt is how much of a prompt tells one conversation from another, bytes.
const headOfPrompt = 1 << 10

// sessionHeaders are those that coding agents name a conversation in.
var sessionHeaders = [...]string{"X-Claude-Code-Session-Id", "Session-Id", "X-Session-Affinity"}

// affinity returns a number that the calls of one conversation share, since a server that has served one of them need not read
// again what it has read: by the name that the client gives it, else by the caller's credential and how the prompt begins.
func affinity(r *http.Request, q *request) uint64 {
	c := caller.From(r.Context())
	h := fnv.New64a()
	h.Write(c.UserID[:])
	name := q.conversation
	for _, header := range sessionHeaders {
		if v := r.Header.Get(header); v != "" {
			name = v
			break
		}
	}
	if name != "" {
		h.Write([]byte(name))
		return h.Sum64()
	}
	h.Write(c.CredentialID[:])
	left := headOfPrompt
	for _, key := range [...]string{"system", "instructions", "messages", "input", "prompt"} {
		for _, m := range q.fields {
			if m.key == key {
				head := m.value[:min(left, len(m.value))]
				h.Write(head)
				left -= len(head)
			}
		}
	}
	return h.Sum64()
}
