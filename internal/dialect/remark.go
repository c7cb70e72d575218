package dialect

import (
	"encoding/json"
	"slices"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// finishReasons are the reasons of all dialects. What else stands in their place may be content.
var finishReasons = []string{
	"stop", "length", "load", "unload", // Ollama
	"tool_calls", "content_filter", "function_call", // OpenAI
	"end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", // Anthropic
	"completed", "incomplete", "failed", "cancelled", // Responses
}

// remarks is where an answer, or a unit of one, says in any of the dialects what it is.
type remarks struct {
	remark                // whole ones, and Ollama's
	Message, Delta remark // of Anthropic's stream
	Response       remark // of that of Responses
	Choices        []struct {
		Reason string `json:"finish_reason"`
	}
}

type remark struct {
	Model  string
	Done   string `json:"done_reason"`
	Stop   string `json:"stop_reason"`
	Status string
}

// Remark returns what a unit of a stream, or a whole answer, says of itself: which model gives it, and why it ends; "" for either if
// it does not say.
func (d Dialect) Remark(unit []byte) (model, reason string) {
	if d != Ollama {
		if e := parseEvent(unit); e.data != nil {
			unit = e.data
		}
	}
	var said remarks
	_ = json.Unmarshal(unit, &said) // as much of it as is understood
	for _, c := range said.Choices {
		said.Done = c.Reason
	}
	for _, r := range []remark{said.remark, said.Message, said.Delta, said.Response} {
		if name, err := ollama.Canonical(r.Model); err == nil {
			model = name
		}
		for _, why := range []string{r.Done, r.Stop, r.Status} {
			if slices.Contains(finishReasons, why) {
				reason = why
			}
		}
	}
	return model, reason
}
