package ollamatest

import (
	"net/http"
	"time"
)

// part is a part of an answer in the terms of /api/chat, or the whole of one.
type part struct {
	text     string
	thinking string
	calls    []toolCall
	logprobs []logprob

	done         bool
	reason       string
	promptTokens int
	tokens       int
}

// add makes p the whole of what it was and of more.
func (p *part) add(more part) {
	more.text, more.thinking = p.text+more.text, p.thinking+more.thinking
	more.calls = append(p.calls, more.calls...)
	more.logprobs = append(p.logprobs, more.logprobs...)
	*p = more
}

// dialect writes an answer in the words of one route.
type dialect interface {
	part(part) error
	whole(part)
	fail(message string) error // when it is too late for a status
}

// nativeAnswer is an answer of /api/chat or /api/generate.
type nativeAnswer struct{ x *exchange }

func (a *nativeAnswer) part(p part) error { return a.x.line(a.x.streamLine(p)) }
func (a *nativeAnswer) whole(p part)      { a.x.json(http.StatusOK, a.x.streamLine(p)) }
func (a *nativeAnswer) fail(message string) error {
	return a.x.line(map[string]string{"error": message})
}

func readNative(generates bool) reader {
	return func(x *exchange) (*chatRequest, dialect, *refusal) {
		request := &chatRequest{generates: generates}
		refused := x.decode(request)
		request.generates = generates
		return request, &nativeAnswer{x}, refused
	}
}

// streamLine is a line of chat (with a message) or generate (with a response).
type streamLine struct {
	Model              string        `json:"model"`
	RemoteModel        string        `json:"remote_model,omitempty"`
	RemoteHost         string        `json:"remote_host,omitempty"`
	CreatedAt          time.Time     `json:"created_at"`
	Message            *message      `json:"message,omitempty"`
	Response           *string       `json:"response,omitempty"`
	Thinking           string        `json:"thinking,omitempty"`
	Done               bool          `json:"done"`
	DoneReason         string        `json:"done_reason,omitempty"`
	Logprobs           []logprob     `json:"logprobs,omitempty"`
	TotalDuration      time.Duration `json:"total_duration,omitempty"`
	LoadDuration       time.Duration `json:"load_duration,omitempty"`
	PromptEvalCount    int           `json:"prompt_eval_count,omitempty"`
	PromptEvalDuration time.Duration `json:"prompt_eval_duration,omitempty"`
	EvalCount          int           `json:"eval_count,omitempty"`
	EvalDuration       time.Duration `json:"eval_duration,omitempty"`
}

// streamLine is p as a line. What took no tokens, took no time.
func (x *exchange) streamLine(p part) streamLine {
	model, _ := x.server.model(x.model)
	line := streamLine{
		Model: x.model, RemoteModel: model.added.RemoteModel, RemoteHost: model.added.RemoteHost,
		CreatedAt: time.Now().UTC(), Done: p.done, DoneReason: p.reason,
		PromptEvalCount: p.promptTokens, EvalCount: p.tokens, Logprobs: p.logprobs,
	}
	if x.r.URL.Path == "/api/generate" {
		line.Response, line.Thinking = &p.text, p.thinking
	} else {
		line.Message = &message{Role: "assistant", Content: p.text, Thinking: p.thinking, ToolCalls: p.calls}
	}
	if p.promptTokens > 0 {
		line.TotalDuration = max(time.Since(x.begun), 3)
		line.LoadDuration, line.PromptEvalDuration = 1, 1
		line.EvalDuration = line.TotalDuration - 2
	}
	return line
}
