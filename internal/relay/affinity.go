package relay

import (
	"hash/fnv"

	"github.com/paddock-gate/paddock/internal/caller"
)

// headOfPrompt is how much of a prompt distinguishes conversations, bytes.
const headOfPrompt = 1 << 10

// Affinity returns a number that the calls of one conversation of the caller's share: by its name, or if that is empty by the
// caller's credential and how the prompt begins.
func Affinity[T string | []byte](c *caller.Caller, name string, prompt ...T) uint64 {
	h := fnv.New64a()
	h.Write(c.UserID[:])
	if name != "" {
		h.Write([]byte(name))
		return h.Sum64()
	}
	h.Write(c.CredentialID[:])
	left := headOfPrompt
	for _, part := range prompt {
		n := min(left, len(part))
		h.Write([]byte(part[:n]))
		left -= n
	}
	return h.Sum64()
}
