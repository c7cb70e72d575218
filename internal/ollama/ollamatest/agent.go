package ollamatest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

// agent is what tiny-agent does for a client that offers it tools.
type agent struct {
	tool      string // "" is the first one offered
	arguments json.RawMessage
	silence   time.Duration // before the call
}

// CallTool makes tiny-agent call a tool of that name, with arguments in JSON,
// where it is among those offered. By default it calls the first one, with {}.
func (s *Server) CallTool(name, arguments string) {
	if !json.Valid([]byte(arguments)) {
		panic("ollamatest: arguments of a tool are not JSON: " + arguments)
	}
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
	for i := len(r.Messages) - 1; i >= 0; i-- {
		if r.Messages[i].Role == "tool" {
			return say("Done|: |" + first(r.Messages[i].Content, 40))
		}
	}
	name, arguments := r.Tools[0].Function.Name, a.arguments
	if arguments == nil {
		arguments = json.RawMessage("{}")
	}
	if a.tool != "" {
		name = a.tool
	}
	for _, t := range r.Tools {
		if t.Function.Name == name {
			call := piece{calls: []toolCall{newCall(name, arguments)}, tokens: 20, after: a.silence}
			return append(say("I| will| use| a| tool|."), call)
		}
	}
	return say("I| know| no| tool| " + name + "|.")
}

// newCall gives a call with an id such as a real server makes.
func newCall(name string, arguments json.RawMessage) toolCall {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	id := make([]byte, 8)
	for i := range id {
		id[i] = letters[rand.IntN(len(letters))]
	}
	return toolCall{ID: fmt.Sprintf("call_%s", id), Function: functionCall{Name: name, Arguments: arguments}}
}

// first gives the first n characters of a text.
func first(text string, n int) string {
	runes := []rune(text)
	return string(runes[:min(n, len(runes))])
}
