package ollamatest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// openAIRequest is one of /v1/chat/completions or /v1/completions.
type openAIRequest struct {
	Model           string          `json:"model"`
	Messages        []openAIMessage `json:"messages"`
	Prompt          string          `json:"prompt"` // of completions, as the suffix
	Suffix          string          `json:"suffix"`
	Stream          bool            `json:"stream"`
	MaxTokens       *float64        `json:"max_tokens"`
	Stop            any             `json:"stop"`
	Tools           []tool          `json:"tools"`
	Logprobs        any             `json:"logprobs"` // a number for completions, else true or false
	TopLogprobs     int             `json:"top_logprobs"`
	ReasoningEffort string          `json:"reasoning_effort"`
	Reasoning       *struct {
		Effort string `json:"effort"`
	} `json:"reasoning"`
	ResponseFormat *struct {
		Type       string `json:"type"`
		JSONSchema *struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

// openAIMessage is a message of chat completions.
type openAIMessage struct {
	Role       string           `json:"role"`
	Content    any              `json:"content"`
	Reasoning  string           `json:"reasoning,omitempty"`
	ToolCalls  []openAIToolCall `json:"tool_calls,omitempty"`
	Name       string           `json:"name,omitempty"`
	ToolCallID string           `json:"tool_call_id,omitempty"`
}

type openAIToolCall struct {
	ID       string             `json:"id"`
	Index    int                `json:"index"`
	Type     string             `json:"type"`
	Function openAIFunctionCall `json:"function"`
}

type openAIFunctionCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

var errMessageFormat = errors.New("invalid message format")

// readOpenAI reads a request for chat completions or, where text is true, for
// plain ones.
func readOpenAI(text bool) reader {
	return func(x *exchange) (*chatRequest, dialect, *refusal) {
		var request openAIRequest
		refused := x.decode(&request)
		r := &chatRequest{
			Model: request.Model, Stream: &request.Stream, Prompt: request.Prompt, Suffix: request.Suffix,
			Tools: request.Tools, TopLogprobs: request.TopLogprobs, Options: map[string]any{}, generates: text,
		}
		r.Logprobs, _ = request.Logprobs.(bool)
		if request.MaxTokens != nil {
			r.Options["num_predict"] = *request.MaxTokens
		}
		r.Options["stop"] = request.Stop
		answer := &openAIAnswer{x: x, text: text, usage: request.StreamOptions.IncludeUsage}
		if refused == nil && !text {
			refused = request.chat(r)
		}
		return r, answer, refused
	}
}

// chat puts into r what only a chat has.
func (request *openAIRequest) chat(r *chatRequest) *refusal {
	if len(request.Messages) == 0 {
		return &refusal{http.StatusBadRequest, "[] is too short - 'messages'"}
	}
	effort := request.ReasoningEffort
	if request.Reasoning != nil {
		effort = request.Reasoning.Effort
	}
	if !slices.Contains([]string{"", "high", "medium", "low", "none"}, effort) {
		return &refusal{http.StatusBadRequest, fmt.Sprintf(`invalid reasoning value: '%s' (must be "high", "medium", "low", or "none")`, effort)}
	}
	switch effort {
	case "":
	case "none":
		r.Think = &think{}
	default:
		r.Think = &think{on: true, level: effort}
	}
	if f := request.ResponseFormat; f != nil {
		switch {
		case f.Type == "json_object":
			r.Format = json.RawMessage(`"json"`)
		case f.Type == "json_schema" && f.JSONSchema != nil:
			r.Format = f.JSONSchema.Schema
		}
	}
	for _, m := range request.Messages {
		list, err := m.native(request.Messages)
		if err != nil {
			return &refusal{http.StatusBadRequest, err.Error()}
		}
		r.Messages = append(r.Messages, list...)
	}
	return nil
}

// native returns a message in Ollama's own terms, where every content part is one.
func (m openAIMessage) native(all []openAIMessage) ([]message, error) {
	calls, err := nativeCalls(m.ToolCalls)
	if err != nil {
		return nil, err
	}
	last := message{Role: m.Role, Thinking: m.Reasoning, ToolCalls: calls, ToolName: m.toolName(all), ToolCallID: m.ToolCallID}
	switch content := m.Content.(type) {
	case string:
		last.Content = content
		return []message{last}, nil
	case []any:
		var list []message
		for _, p := range content {
			one, err := nativePart(p)
			if err != nil {
				return nil, err
			}
			one.Role = m.Role
			list = append(list, one)
		}
		if n := len(list) - 1; n >= 0 && len(calls) > 0 {
			last.Content, last.Images = list[n].Content, list[n].Images
			list[n] = last
		}
		return list, nil
	default:
		if m.ToolCalls == nil {
			return nil, fmt.Errorf("invalid message content type: %T", content)
		}
		return []message{last}, nil
	}
}

// toolName is what the tool is called whose result the message is.
func (m openAIMessage) toolName(all []openAIMessage) string {
	if !strings.EqualFold(m.Role, "tool") || m.Name != "" {
		return m.Name
	}
	for _, other := range slices.Backward(all) {
		for _, call := range other.ToolCalls {
			if call.ID == m.ToolCallID {
				return call.Function.Name
			}
		}
	}
	return ""
}

func nativeCalls(calls []openAIToolCall) ([]toolCall, error) {
	var list []toolCall
	for _, c := range calls {
		var arguments map[string]json.RawMessage
		if json.Unmarshal([]byte(c.Function.Arguments), &arguments) != nil {
			return nil, errors.New("invalid tool call arguments")
		}
		list = append(list, toolCall{ID: c.ID, Function: functionCall{Name: c.Function.Name, Arguments: json.RawMessage(c.Function.Arguments)}})
	}
	return list, nil
}

func nativePart(p any) (message, error) {
	fields, _ := p.(map[string]any)
	switch fields["type"] {
	case "text":
		text, ok := fields["text"].(string)
		if !ok {
			return message{}, errMessageFormat
		}
		return message{Content: text}, nil
	case "image_url":
		url, ok := fields["image_url"].(string)
		if nested, is := fields["image_url"].(map[string]any); is {
			url, ok = nested["url"].(string)
		}
		if !ok {
			return message{}, errMessageFormat
		}
		image, err := decodeImage(url)
		return message{Images: [][]byte{image}}, err
	}
	return message{}, errMessageFormat
}

// decodeImage reads an image out of a data URL.
func decodeImage(url string) ([]byte, error) {
	if strings.HasPrefix(url, "http://") || strings.HasPrefix(url, "https://") {
		return nil, errors.New("image URLs are not currently supported, please use base64 encoded data instead")
	}
	kind, data, _ := strings.Cut(url, ",")
	kinds := []string{"data:;base64", "data:image/jpeg;base64", "data:image/jpg;base64", "data:image/png;base64", "data:image/webp;base64"}
	image, err := base64.StdEncoding.DecodeString(data)
	if !slices.Contains(kinds, kind) || err != nil {
		return nil, errors.New("invalid image input")
	}
	return image, nil
}
