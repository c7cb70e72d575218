package ollamatest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// agent is what tiny-agent does for a client that offers it tools.
type agent struct {
	tool      string // "" is the first one offered
	arguments json.RawMessage
	silence   time.Duration // before the call
}

// CallTool makes tiny-agent call a tool of that name, with arguments in JSON,
// where it is among those offered. By default, and where the name is "", it calls
// the first function; by default with {}.
func (s *Server) CallTool(name, arguments string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agent.tool, s.agent.arguments = name, json.RawMessage(arguments)
}

// Silence makes tiny-agent say nothing for a time before it calls a tool, as a
// real server does while the model writes the call.
func (s *Server) Silence(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agent.silence = d
}

// agentWords are those of tiny-agent: a sentence and a call of a tool, or what
// it makes of a tool's result once there is one.
func (s *Server) agentWords(r *chatRequest) []piece {
	s.mu.Lock()
	a := s.agent
	s.mu.Unlock()
	for _, m := range slices.Backward(r.Messages) {
		if m.Role == "tool" {
			return say("Done|: " + first(m.Content, 40))
		}
	}
	i := slices.IndexFunc(r.Tools, func(t tool) bool {
		return t.Type == "function" && t.Function.Name != "" && (a.tool == "" || a.tool == t.Function.Name)
	})
	if i < 0 {
		return say("I| know| no| such| tool|.")
	}
	arguments := a.arguments
	if arguments == nil {
		arguments = json.RawMessage("{}")
	}
	call := piece{calls: []toolCall{newCall(r.Tools[i].Function.Name, arguments)}, tokens: 20, after: a.silence}
	return append(say("I| will| use| a| tool|."), call)
}

// newCall returns a call with an id such as a real server makes.
func newCall(name string, arguments json.RawMessage) toolCall {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	id := make([]byte, 8)
	for i := range id {
		id[i] = letters[rand.IntN(len(letters))]
	}
	return toolCall{ID: fmt.Sprintf("call_%s", id), Function: functionCall{Name: name, Arguments: arguments}}
}

// first returns the first n characters of a text.
func first(text string, n int) string {
	runes := []rune(text)
	return string(runes[:min(n, len(runes))])
}
