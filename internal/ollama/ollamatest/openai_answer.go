package ollamatest

import (
	"net/http"
)

// openAIAnswer is an answer of /v1/chat/completions or /v1/completions.
type openAIAnswer struct {
	x      *exchange
	text   bool // of plain completions
	usage  bool // asked for in a stream
	called bool // a tool
}

type openAIUsage struct {
	PromptTokens     int  `json:"prompt_tokens"`
	CompletionTokens *int `json:"completion_tokens,omitempty"`
	TotalTokens      int  `json:"total_tokens"`
}

func newUsage(prompt, completion int) *openAIUsage {
	return &openAIUsage{prompt, &completion, prompt + completion}
}

type choiceLogprobs struct {
	Content []logprob `json:"content"`
}

// chatChoice and textChoice are a choice of chat and of plain completions.
type chatChoice struct {
	Index        int             `json:"index"`
	Message      *openAIMessage  `json:"message,omitempty"`
	Delta        *openAIMessage  `json:"delta,omitempty"`
	FinishReason *string         `json:"finish_reason"`
	Logprobs     *choiceLogprobs `json:"logprobs,omitempty"`
}

type textChoice struct {
	Text         string  `json:"text"`
	Index        int     `json:"index"`
	FinishReason *string `json:"finish_reason"`
}

// chatCompletion and textCompletion are what is answered, or a chunk of it.
type chatCompletion struct {
	ID                string       `json:"id"`
	Object            string       `json:"object"`
	Created           int64        `json:"created"`
	Model             string       `json:"model"`
	SystemFingerprint string       `json:"system_fingerprint"`
	Choices           []chatChoice `json:"choices"`
	Usage             *openAIUsage `json:"usage,omitempty"`
}

type textCompletion struct {
	ID                string       `json:"id"`
	Object            string       `json:"object"`
	Created           int64        `json:"created"`
	Choices           []textChoice `json:"choices"`
	Model             string       `json:"model"`
	SystemFingerprint string       `json:"system_fingerprint"`
	Usage             *openAIUsage `json:"usage,omitempty"`
}

// wholeTextCompletion has other keys first than a chunk.
type wholeTextCompletion struct {
	ID                string       `json:"id"`
	Object            string       `json:"object"`
	Created           int64        `json:"created"`
	Model             string       `json:"model"`
	SystemFingerprint string       `json:"system_fingerprint"`
	Choices           []textChoice `json:"choices"`
	Usage             *openAIUsage `json:"usage"`
}

func (a *openAIAnswer) part(p part) error {
	a.called = a.called || len(p.calls) > 0
	if err := a.x.event("", a.chunk(p, a.x.model)); err != nil || !p.done {
		return err
	}
	if a.usage {
		if err := a.x.event("", a.usageChunk(newUsage(p.promptTokens, p.tokens))); err != nil {
			return err
		}
	}
	return a.x.frame(contentEvents, []byte("data: [DONE]\n\n"))
}

// fail writes an empty chunk in place of the error, as a real server does.
func (a *openAIAnswer) fail(string) error { return a.x.event("", a.chunk(part{}, "")) }

func (a *openAIAnswer) whole(p part) {
	a.called = len(p.calls) > 0
	usage := newUsage(p.promptTokens, p.tokens)
	if a.text {
		c := a.textCompletion(p, a.x.model)
		a.x.plainJSON(http.StatusOK, wholeTextCompletion{c.ID, c.Object, c.Created, c.Model, c.SystemFingerprint, c.Choices, usage})
		return
	}
	c := a.chatCompletion(p, a.x.model)
	c.Object, c.Usage = "chat.completion", usage
	c.Choices[0].Message, c.Choices[0].Delta = c.Choices[0].Delta, nil
	if a.called {
		c.Choices[0].FinishReason = new("tool_calls")
	}
	a.x.plainJSON(http.StatusOK, c)
}

func (a *openAIAnswer) chunk(p part, model string) any {
	if a.text {
		return a.textCompletion(p, model)
	}
	return a.chatCompletion(p, model)
}

// usageChunk ends a stream that is to tell its usage.
func (a *openAIAnswer) usageChunk(usage *openAIUsage) any {
	if a.text {
		c := a.textCompletion(part{}, a.x.model)
		c.Choices, c.Usage = []textChoice{}, usage
		return c
	}
	c := a.chatCompletion(part{}, a.x.model)
	c.Choices, c.Usage = []chatChoice{}, usage
	return c
}

const fingerprint = "fp_ollama"

func (a *openAIAnswer) chatCompletion(p part, model string) chatCompletion {
	choice := chatChoice{
		Delta:        &openAIMessage{Role: "assistant", Content: p.text, Reasoning: p.thinking, ToolCalls: openAICalls(p.calls)},
		FinishReason: a.reason(p),
	}
	if len(p.logprobs) > 0 {
		choice.Logprobs = &choiceLogprobs{p.logprobs}
	}
	return chatCompletion{"chatcmpl-1", "chat.completion.chunk", a.x.begun.Unix(), model, fingerprint, []chatChoice{choice}, nil}
}

func (a *openAIAnswer) textCompletion(p part, model string) textCompletion {
	c := textCompletion{
		"cmpl-1", "text_completion", a.x.begun.Unix(), []textChoice{{p.text, 0, a.reason(p)}}, model, fingerprint, nil,
	}
	if a.usage { // Ollama has a usage in every chunk of these
		c.Usage = newUsage(0, 0)
	}
	return c
}

func (a *openAIAnswer) reason(p part) *string {
	switch {
	case p.reason == "":
		return nil
	case a.called:
		return new("tool_calls")
	}
	return &p.reason
}

func openAICalls(calls []toolCall) []openAIToolCall {
	var list []openAIToolCall
	for _, c := range calls {
		list = append(list, openAIToolCall{
			c.ID, c.Function.Index, "function", openAIFunctionCall{c.Function.Name, string(c.Function.Arguments)},
		})
	}
	return list
}
