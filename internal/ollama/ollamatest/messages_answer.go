package ollamatest

import (
	"cmp"
	"encoding/json"
	"net/http"
)

// messagesAnswer is an answer of /v1/messages.
type messagesAnswer struct {
	x        *exchange
	estimate int // of the tokens read

	begun  bool
	open   string // the kind of the block that is being streamed, "" when none is
	index  int    // of that block, or of the next
	called bool   // a tool
}

type contentBlock struct {
	Type     string          `json:"type"`
	Text     *string         `json:"text,omitempty"`
	ID       string          `json:"id,omitempty"`
	Name     string          `json:"name,omitempty"`
	Input    json.RawMessage `json:"input,omitempty"`
	Thinking *string         `json:"thinking,omitempty"`
}

type messagesUsage struct {
	InputTokens  int `json:"input_tokens"`
	OutputTokens int `json:"output_tokens"`
}

type messagesResponse struct {
	ID         string         `json:"id"`
	Type       string         `json:"type"`
	Role       string         `json:"role"`
	Model      string         `json:"model"`
	Content    []contentBlock `json:"content"`
	StopReason string         `json:"stop_reason,omitempty"`
	Usage      messagesUsage  `json:"usage"`
}

func (a *messagesAnswer) response(content []contentBlock, usage messagesUsage) messagesResponse {
	return messagesResponse{ID: "msg_1", Type: "message", Role: "assistant", Model: a.x.model, Content: content, Usage: usage}
}

func (a *messagesAnswer) whole(p part) {
	a.called = len(p.calls) > 0
	var content []contentBlock
	if p.thinking != "" {
		content = append(content, contentBlock{Type: "thinking", Thinking: &p.thinking})
	}
	if p.text != "" {
		content = append(content, contentBlock{Type: "text", Text: &p.text})
	}
	for _, c := range p.calls {
		content = append(content, contentBlock{Type: "tool_use", ID: c.ID, Name: c.Function.Name, Input: c.Function.Arguments})
	}
	response := a.response(content, messagesUsage{p.promptTokens, p.tokens})
	response.StopReason = a.stopReason(p.reason)
	a.x.plainJSON(http.StatusOK, response)
}

func (a *messagesAnswer) stopReason(reason string) string {
	if a.called {
		return "tool_use"
	}
	switch reason {
	case "stop":
		return "end_turn"
	case "length":
		return "max_tokens"
	case "":
		return ""
	}
	return "stop_sequence"
}

func (a *messagesAnswer) part(p part) error {
	if err := a.begin(p.promptTokens); err != nil {
		return err
	}
	if p.thinking != "" {
		if err := a.think(p.thinking); err != nil {
			return err
		}
	}
	if p.text != "" {
		if err := a.say(p.text); err != nil {
			return err
		}
	}
	for _, c := range p.calls {
		if err := a.call(c); err != nil {
			return err
		}
	}
	if p.done {
		return a.end(p)
	}
	return nil
}

// fail writes nothing of the error, as a real server does.
func (a *messagesAnswer) fail(string) error { return a.begin(0) }

// messagesEvent is an event of a stream; which fields it has is for its type to say.
type messagesEvent struct {
	Type         string            `json:"type"`
	Message      *messagesResponse `json:"message,omitempty"`
	Index        *int              `json:"index,omitempty"`
	ContentBlock *contentBlock     `json:"content_block,omitempty"`
	Delta        *messagesDelta    `json:"delta,omitempty"`
	Usage        *messagesUsage    `json:"usage,omitempty"`
}

type messagesDelta struct {
	Type        string `json:"type,omitempty"`
	Text        string `json:"text,omitempty"`
	PartialJSON string `json:"partial_json,omitempty"`
	Thinking    string `json:"thinking,omitempty"`
	StopReason  string `json:"stop_reason,omitempty"`
}

func (a *messagesAnswer) event(e messagesEvent) error { return a.x.event(e.Type, e) }

func (a *messagesAnswer) begin(promptTokens int) error {
	if a.begun {
		return nil
	}
	a.begun = true
	start := a.response([]contentBlock{}, messagesUsage{cmp.Or(promptTokens, a.estimate), 0})
	return a.event(messagesEvent{Type: "message_start", Message: &start})
}

// startBlock begins a block at the index that is due.
func (a *messagesAnswer) startBlock(b contentBlock) error {
	if err := a.closeBlock(); err != nil {
		return err
	}
	a.open = b.Type
	return a.event(messagesEvent{Type: "content_block_start", Index: new(a.index), ContentBlock: &b})
}

func (a *messagesAnswer) delta(d messagesDelta) error {
	return a.event(messagesEvent{Type: "content_block_delta", Index: new(a.index), Delta: &d})
}

func (a *messagesAnswer) closeBlock() error {
	if a.open == "" {
		return nil
	}
	a.open = ""
	a.index++
	return a.event(messagesEvent{Type: "content_block_stop", Index: new(a.index - 1)})
}

func (a *messagesAnswer) think(text string) error {
	if a.open != "thinking" {
		if err := a.startBlock(contentBlock{Type: "thinking", Thinking: new("")}); err != nil {
			return err
		}
	}
	return a.delta(messagesDelta{Type: "thinking_delta", Thinking: text})
}

func (a *messagesAnswer) say(text string) error {
	if a.open != "text" {
		if err := a.startBlock(contentBlock{Type: "text", Text: new("")}); err != nil {
			return err
		}
	}
	return a.delta(messagesDelta{Type: "text_delta", Text: text})
}

// call writes a call of a tool, with all of its arguments in one event.
func (a *messagesAnswer) call(c toolCall) error {
	a.called = true
	if err := a.startBlock(contentBlock{Type: "tool_use", ID: c.ID, Name: c.Function.Name, Input: json.RawMessage("{}")}); err != nil {
		return err
	}
	if err := a.delta(messagesDelta{Type: "input_json_delta", PartialJSON: string(c.Function.Arguments)}); err != nil {
		return err
	}
	return a.closeBlock()
}

func (a *messagesAnswer) end(p part) error {
	if err := a.closeBlock(); err != nil {
		return err
	}
	if err := a.event(messagesEvent{
		Type: "message_delta", Delta: &messagesDelta{StopReason: a.stopReason(p.reason)}, Usage: &messagesUsage{p.promptTokens, p.tokens},
	}); err != nil {
		return err
	}
	return a.event(messagesEvent{Type: "message_stop"})
}
