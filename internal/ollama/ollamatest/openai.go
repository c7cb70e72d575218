package ollamatest

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"time"
)

const (
	contentPlainJSON = "application/json"
	contentEvents    = "text/event-stream"
)

// openAIRequest is one of /v1/chat/completions or /v1/completions.
type openAIRequest struct {
	Model         string
	Messages      []message
	Prompt        string // of completions
	Stream        bool
	MaxTokens     float64 `json:"max_tokens"`
	Stop          any
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

type openAIUsage struct {
	PromptTokens     int  `json:"prompt_tokens"`
	CompletionTokens *int `json:"completion_tokens,omitempty"`
	TotalTokens      int  `json:"total_tokens"`
}

func newUsage(prompt, completion int) *openAIUsage {
	return &openAIUsage{prompt, &completion, prompt + completion}
}

// openAIMessage is a message of chat completions.
type openAIMessage struct {
	Role      string `json:"role"`
	Content   string `json:"content"`
	Reasoning string `json:"reasoning,omitempty"`
}

// chatChoice and textChoice are a choice of chat and of plain completions.
type chatChoice struct {
	Index        int            `json:"index"`
	Message      *openAIMessage `json:"message,omitempty"`
	Delta        *openAIMessage `json:"delta,omitempty"`
	FinishReason *string        `json:"finish_reason"`
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

// completions answers chat completions and, where text is true, plain ones.
func completions(text bool) func(*exchange) {
	return func(x *exchange) {
		var request openAIRequest
		if !x.decode(&request) {
			return
		}
		verb, tokens := "chat", 2
		for _, m := range request.Messages {
			tokens += len(m.Role) + len(": ") + len(m.Content) + len("\n")
		}
		if text {
			verb, tokens = "generate", len(request.Prompt)+9
		} else if len(request.Messages) == 0 {
			x.refuseAs("invalid_request_error", http.StatusBadRequest, "[] is too short - 'messages'")
			return
		}
		model, ok := x.chatModel(request.Model, verb)
		if !ok {
			return
		}
		stops, _ := inputs(request.Stop)
		g := &generation{model: model, limit: int(request.MaxTokens), stops: stops}
		tokens = min(tokens, chatContext)
		if request.Stream {
			x.streamCompletion(g, text, tokens, request.StreamOptions.IncludeUsage)
		} else {
			x.wholeCompletion(g, text, tokens)
		}
	}
}

// chatModel gives a model that can chat, or refuses the request.
func (x *exchange) chatModel(asked, verb string) (chatModel, bool) {
	name := shortName(asked)
	model, ok := chatModels[name]
	if x.pace == 0 {
		x.pace = model.pace
	}
	switch {
	case name == embedModel:
		x.refuse(http.StatusBadRequest, fmt.Sprintf("%q does not support %s", asked, verb))
	case !ok:
		x.refuse(http.StatusNotFound, fmt.Sprintf("model '%s' not found", asked))
	}
	return model, ok
}

func (x *exchange) streamCompletion(g *generation, text bool, promptTokens int, usage bool) {
	each := (*openAIUsage)(nil)
	if usage && text { // Ollama has a usage in every chunk of these
		each = newUsage(0, 0)
	}
	for p := range g.pieces {
		if x.event("", x.chunk(text, p, nil, each)) != nil {
			return
		}
	}
	if g.reason == "" {
		return
	}
	last := x.chunk(text, piece{}, &g.reason, each)
	if x.event("", last) != nil {
		return
	}
	if usage {
		all := newUsage(promptTokens, g.tokens)
		switch c := last.(type) {
		case chatCompletion:
			c.Choices, c.Usage = []chatChoice{}, all
			_ = x.event("", c)
		case textCompletion:
			c.Choices, c.Usage = []textChoice{}, all
			_ = x.event("", c)
		}
	}
	_ = x.writeAs(contentEvents, []byte("data: [DONE]\n\n"))
}

func (x *exchange) wholeCompletion(g *generation, text bool, promptTokens int) {
	whole, ok := x.all(g)
	if !ok {
		return
	}
	reason := cmp.Or(g.reason, "stop")
	switch c := x.chunk(text, whole, &reason, newUsage(promptTokens, g.tokens)).(type) {
	case chatCompletion:
		c.Object, c.Choices[0].Message, c.Choices[0].Delta = "chat.completion", c.Choices[0].Delta, nil
		x.plainJSON(http.StatusOK, c)
	case textCompletion:
		x.plainJSON(http.StatusOK, c)
	}
}

// all waits for the whole of an answer.
func (x *exchange) all(g *generation) (whole piece, ok bool) {
	for p := range g.pieces {
		if x.wait(x.pace) != nil {
			return whole, false
		}
		whole.text += p.text
		whole.thinking += p.thinking
	}
	return whole, true
}

func (x *exchange) chunk(text bool, p piece, reason *string, usage *openAIUsage) any {
	const fingerprint = "fp_ollama"
	if text {
		return textCompletion{
			"cmpl-1", "text_completion", x.begun.Unix(), []textChoice{{p.text, 0, reason}}, x.model, fingerprint, usage,
		}
	}
	delta := &openAIMessage{"assistant", p.text, p.thinking}
	return chatCompletion{
		"chatcmpl-1", "chat.completion.chunk", x.begun.Unix(), x.model, fingerprint, []chatChoice{{0, nil, delta, reason}}, usage,
	}
}

// event writes an event of a stream when it is due.
func (x *exchange) event(name string, data any) error {
	if err := x.wait(x.pace); err != nil {
		return err
	}
	b, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	if name != "" {
		name = "event: " + name + "\n"
	}
	return x.writeAs(contentEvents, []byte(name+"data: "+string(b)+"\n\n"))
}

// plainJSON writes as the routes of other dialects do.
func (x *exchange) plainJSON(status int, value any) {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	x.header(status, contentPlainJSON)
	_, _ = x.w.Write(append(b, '\n'))
}

// refuseAs refuses in the dialect of the route.
func (x *exchange) refuseAs(kind string, status int, message string) {
	type anthropicError struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	}
	type openAIError struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	if x.r.URL.Path != "/v1/messages" {
		x.plainJSON(status, struct {
			Error openAIError `json:"error"`
		}{openAIError{Message: message, Type: kind}})
		return
	}
	x.plainJSON(status, struct {
		Type      string         `json:"type"`
		Error     anthropicError `json:"error"`
		RequestID string         `json:"request_id"`
	}{"error", anthropicError{kind, message}, "req_1"})
}

func openAIEmbeddings(x *exchange) {
	var request struct {
		Model          string
		Input          any
		Dimensions     int
		EncodingFormat string `json:"encoding_format"`
	}
	if !x.decode(&request) {
		return
	}
	input, ok := inputs(request.Input)
	name := shortName(request.Model)
	_, isChat := chatModels[name]
	switch {
	case !ok:
		x.refuseAs("invalid_request_error", http.StatusBadRequest, "invalid input type")
		return
	case name != embedModel && !isChat:
		x.refuse(http.StatusNotFound, fmt.Sprintf("model %q not found, try pulling it first", request.Model))
		return
	}
	type embedding struct {
		Object    string `json:"object"`
		Embedding any    `json:"embedding"`
		Index     int    `json:"index"`
	}
	data, usage := []embedding{}, openAIUsage{}
	for i, text := range input {
		e := embedding{"embedding", vector(text, isChat, request.Dimensions), i}
		if request.EncodingFormat == "base64" {
			e.Embedding = packed(vector(text, isChat, request.Dimensions))
		}
		data = append(data, e)
		usage.PromptTokens += embedTokens(text)
	}
	usage.TotalTokens = usage.PromptTokens
	x.plainJSON(http.StatusOK, struct {
		Object string      `json:"object"`
		Data   []embedding `json:"data"`
		Model  string      `json:"model"`
		Usage  openAIUsage `json:"usage"`
	}{"list", data, request.Model, usage})
}

// packed is a vector in base64, little-endian.
func packed(v []float32) string {
	var b []byte
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// openAIModels lists the models in OpenAI's terms.
func openAIModels(x *exchange) {
	var tags struct {
		Models []struct {
			Name       string
			ModifiedAt time.Time `json:"modified_at"`
		}
	}
	if err := json.Unmarshal(recordedTags, &tags); err != nil {
		panic(err)
	}
	type model struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Created int64  `json:"created"`
		OwnedBy string `json:"owned_by"`
	}
	var list []model
	for _, m := range tags.Models {
		list = append(list, model{m.Name, "model", m.ModifiedAt.Unix(), "library"})
	}
	x.plainJSON(http.StatusOK, struct {
		Object string  `json:"object"`
		Data   []model `json:"data"`
	}{"list", list})
}
