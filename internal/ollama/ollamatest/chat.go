package ollamatest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

type message struct {
	Role     string `json:"role"`
	Content  string `json:"content"`
	Thinking string `json:"thinking,omitempty"`
}

type chatRequest struct {
	Model     string
	Messages  []message
	Prompt    string // of generate
	Stream    *bool
	KeepAlive any `json:"keep_alive"`
	Options   map[string]any
}

func chat(x *exchange) {
	var request chatRequest
	if !x.decode(&request) {
		return
	}
	if request.Model == "" {
		x.refuse(http.StatusBadRequest, "model is required")
		return
	}
	tokens := 2
	for _, m := range request.Messages {
		tokens += len(m.Role) + len(": ") + len(m.Content) + len("\n")
	}
	x.reply(request, "chat", len(request.Messages) == 0, tokens)
}

func generate(x *exchange) {
	var request chatRequest
	if x.decode(&request) {
		x.reply(request, "generate", request.Prompt == "", len(request.Prompt)+9)
	}
}

// reply checks a chat or generate request and answers it.
func (x *exchange) reply(request chatRequest, verb string, empty bool, promptTokens int) {
	name := shortName(request.Model)
	model, ok := chatModels[name]
	switch {
	case (ok || name == embedModel) && empty && request.KeepAlive == 0.0:
		x.json(http.StatusOK, x.doneLine("unload", 0, 0))
		return
	case name == embedModel:
		x.refuse(http.StatusBadRequest, fmt.Sprintf("%q does not support %s", request.Model, verb))
		return
	case !ok:
		x.refuse(http.StatusNotFound, fmt.Sprintf("model '%s' not found", request.Model))
		return
	case empty:
		x.json(http.StatusOK, x.doneLine("load", 0, 0))
		return
	}
	limit, ok := request.Options["num_predict"].(float64)
	if _, given := request.Options["num_predict"]; given && !ok {
		x.refuse(http.StatusInternalServerError, `option "num_predict" must be of type integer`)
		return
	}
	if x.pace == 0 {
		x.pace = model.pace
	}
	a := &generation{model: model, limit: int(limit), stops: stopsOf(request.Options)}
	promptTokens = min(promptTokens, chatContext)
	if request.Stream != nil && !*request.Stream {
		x.replyWhole(a, promptTokens)
		return
	}
	for piece := range a.pieces {
		if x.stream(x.line(piece.text, piece.thinking)) != nil {
			return
		}
	}
	if a.reason != "" {
		_ = x.stream(x.doneLine(a.reason, promptTokens, a.tokens))
	}
}

// replyWhole answers in one object, once all is said.
func (x *exchange) replyWhole(a *generation, promptTokens int) {
	var text, thinking strings.Builder
	for piece := range a.pieces {
		if x.wait(x.pace) != nil {
			return
		}
		text.WriteString(piece.text)
		thinking.WriteString(piece.thinking)
	}
	line := x.line(text.String(), thinking.String())
	if a.reason != "" {
		done := x.doneLine(a.reason, promptTokens, a.tokens)
		done.Message, done.Response, done.Thinking = line.Message, line.Response, line.Thinking
		line = done
	}
	x.json(http.StatusOK, line)
}

func stopsOf(options map[string]any) []string {
	list, _ := inputs(options["stop"])
	return list
}

// streamLine is a line of chat (with a message) or generate (with a response).
type streamLine struct {
	Model              string        `json:"model"`
	CreatedAt          time.Time     `json:"created_at"`
	Message            *message      `json:"message,omitempty"`
	Response           *string       `json:"response,omitempty"`
	Thinking           string        `json:"thinking,omitempty"`
	Done               bool          `json:"done"`
	DoneReason         string        `json:"done_reason,omitempty"`
	TotalDuration      time.Duration `json:"total_duration,omitempty"`
	LoadDuration       time.Duration `json:"load_duration,omitempty"`
	PromptEvalCount    int           `json:"prompt_eval_count,omitempty"`
	PromptEvalDuration time.Duration `json:"prompt_eval_duration,omitempty"`
	EvalCount          int           `json:"eval_count,omitempty"`
	EvalDuration       time.Duration `json:"eval_duration,omitempty"`
}

func (x *exchange) line(text, thinking string) streamLine {
	line := streamLine{Model: x.model, CreatedAt: time.Now().UTC()}
	if x.r.URL.Path == "/api/generate" {
		line.Response, line.Thinking = &text, thinking
	} else {
		line.Message = &message{Role: "assistant", Content: text, Thinking: thinking}
	}
	return line
}

// doneLine ends a stream. What took no tokens, took no time.
func (x *exchange) doneLine(reason string, promptTokens, tokens int) streamLine {
	line := x.line("", "")
	line.Done, line.DoneReason = true, reason
	line.PromptEvalCount, line.EvalCount = promptTokens, tokens
	if promptTokens > 0 {
		line.TotalDuration = max(time.Since(x.begun), 3)
		line.LoadDuration, line.PromptEvalDuration = 1, 1
		line.EvalDuration = line.TotalDuration - 2
	}
	return line
}
