package ollamatest

import (
	"net/http"
)

// messages answers /v1/messages, which speaks Anthropic's dialect.
func messages(x *exchange) {
	var request struct {
		Model         string
		Messages      []message
		Stream        bool
		MaxTokens     float64  `json:"max_tokens"`
		StopSequences []string `json:"stop_sequences"`
	}
	if !x.decode(&request) {
		return
	}
	if request.MaxTokens <= 0 {
		x.refuseAs("invalid_request_error", http.StatusBadRequest, "max_tokens is required and must be positive")
		return
	}
	model, ok := x.chatModel(request.Model, "chat")
	if !ok {
		return
	}
	tokens := 2
	for _, m := range request.Messages {
		tokens += len(m.Role) + len(": ") + len(m.Content) + len("\n")
	}
	g := &generation{model: model, limit: int(request.MaxTokens), stops: request.StopSequences}
	if request.Stream {
		x.streamMessage(g, tokens)
		return
	}
	whole, ok := x.all(g)
	if !ok {
		return
	}
	x.plainJSON(http.StatusOK, anthropicMessage{
		ID: "msg_1", Type: "message", Role: "assistant", Model: x.model, StopReason: stopReason(g.reason),
		Content: []contentBlock{{"text", whole.text}}, Usage: anthropicUsage{tokens, g.tokens},
	})
}

type contentBlock struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type anthropicUsage struct {
	InputTokens  int `json:"input_tokens"`
	OutputTokens int `json:"output_tokens"`
}

type anthropicMessage struct {
	ID         string         `json:"id"`
	Type       string         `json:"type"`
	Role       string         `json:"role"`
	Model      string         `json:"model"`
	Content    []contentBlock `json:"content"`
	StopReason string         `json:"stop_reason,omitempty"`
	Usage      anthropicUsage `json:"usage"`
}

func stopReason(reason string) string {
	if reason == "length" {
		return "max_tokens"
	}
	return "end_turn"
}

type object = map[string]any

func (x *exchange) streamMessage(g *generation, tokens int) {
	start := anthropicMessage{ID: "msg_1", Type: "message", Role: "assistant", Model: x.model, Content: []contentBlock{}, Usage: anthropicUsage{1, 0}}
	if x.event("message_start", object{"type": "message_start", "message": start}) != nil ||
		x.event("content_block_start", object{"type": "content_block_start", "index": 0, "content_block": contentBlock{"text", ""}}) != nil {
		return
	}
	for p := range g.pieces {
		delta := object{"type": "text_delta", "text": p.text}
		if x.event("content_block_delta", object{"type": "content_block_delta", "index": 0, "delta": delta}) != nil {
			return
		}
	}
	if g.reason == "" {
		return
	}
	_ = x.event("content_block_stop", object{"type": "content_block_stop", "index": 0})
	_ = x.event("message_delta", object{
		"type": "message_delta", "delta": object{"stop_reason": stopReason(g.reason)}, "usage": anthropicUsage{tokens, g.tokens},
	})
	_ = x.event("message_stop", object{"type": "message_stop"})
}
