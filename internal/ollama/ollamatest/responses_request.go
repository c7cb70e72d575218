package ollamatest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// responsesRequest is one of /v1/responses. Fields that a real server does not
// know, such as previous_response_id, it passes over.
type responsesRequest struct {
	Model           string          `json:"model"`
	Background      bool            `json:"background"`
	Input           any             `json:"input"`
	Instructions    string          `json:"instructions"`
	MaxOutputTokens *int            `json:"max_output_tokens"`
	Temperature     *float64        `json:"temperature"`
	TopP            *float64        `json:"top_p"`
	Truncation      *string         `json:"truncation"`
	Tools           []responsesTool `json:"tools"`
	Stream          bool            `json:"stream"`
	Reasoning       struct {
		Effort  string `json:"effort"`
		Summary string `json:"summary"`
	} `json:"reasoning"`
	Text *struct {
		Format *responsesFormat `json:"format"`
	} `json:"text"`
}

type responsesFormat struct {
	Type   string          `json:"type"`
	Name   string          `json:"name,omitempty"`
	Schema json.RawMessage `json:"schema,omitempty"`
	Strict *bool           `json:"strict,omitempty"`
}

type responsesTool struct {
	Type        string         `json:"type"`
	Name        string         `json:"name"`
	Description *string        `json:"description"`
	Strict      *bool          `json:"strict"`
	Parameters  map[string]any `json:"parameters"`
}

// readResponses reads a request for a response.
func readResponses(x *exchange) (*chatRequest, dialect, *refusal) {
	request := &responsesRequest{}
	refused := x.decode(request)
	r := &chatRequest{Model: request.Model, Stream: &request.Stream, Options: map[string]any{}}
	if refused == nil {
		if err := request.native(r); err != nil {
			refused = &refusal{http.StatusBadRequest, err.Error()}
		}
	}
	if refused == nil && request.Stream {
		x.announceStream()
	}
	return r, &responsesAnswer{x: x, request: request}, refused
}

// native puts the request into Ollama's own terms.
func (request *responsesRequest) native(r *chatRequest) error {
	if request.Instructions != "" {
		r.Messages = append(r.Messages, message{Role: "system", Content: request.Instructions})
	}
	switch input := request.Input.(type) {
	case nil, string:
		if text, _ := input.(string); text != "" {
			r.Messages = append(r.Messages, message{Role: "user", Content: text})
		}
	case []any:
		var err error
		if r.Messages, err = nativeItems(r.Messages, input); err != nil {
			return err
		}
	default:
		return errors.New("input must be a string or array")
	}
	if request.MaxOutputTokens != nil {
		r.Options["num_predict"] = float64(*request.MaxOutputTokens)
	}
	for _, t := range request.Tools {
		native := tool{t.Type, function{Name: t.Name}}
		if t.Description != nil {
			native.Function.Description = *t.Description
		}
		parameters, _ := json.Marshal(t.Parameters) // decoded before
		if err := json.Unmarshal(parameters, &native.Function.Parameters); err != nil {
			return fmt.Errorf("failed to unmarshal tool parameters: %w", err)
		}
		r.Tools = append(r.Tools, native)
	}
	if t := request.Text; t != nil && t.Format != nil && t.Format.Type == "json_schema" {
		r.Format = t.Format.Schema
	}
	return nil
}

// nativeItems adds items to a conversation. Calls and thoughts join the message
// of the assistant beside them.
func nativeItems(messages []message, items []any) ([]message, error) {
	var thinking string
	for i, item := range items {
		fields, _ := item.(map[string]any)
		if fields["type"] == "reasoning" {
			thinking, _ = fields["encrypted_content"].(string)
			continue
		}
		m, err := nativeItem(fields)
		if unknown := new(unknownInput); errors.As(err, &unknown) {
			return nil, fmt.Errorf("input[%d]: %w", i, err)
		} else if err != nil {
			return nil, err
		}
		if last := len(messages) - 1; m.ToolCalls != nil && last >= 0 && messages[last].Role == "assistant" {
			m.Content, m.Images, m.Thinking = messages[last].Content, messages[last].Images, messages[last].Thinking
			m.ToolCalls = append(messages[last].ToolCalls, m.ToolCalls...)
			messages = messages[:last]
		}
		if m.Role == "assistant" && thinking != "" {
			m.Thinking, thinking = thinking, ""
		}
		messages = append(messages, m)
	}
	if thinking != "" {
		messages = append(messages, message{Role: "assistant", Thinking: thinking})
	}
	return messages, nil
}

// unknownInput is input of a kind that a real server does not know; where it
// stands is told, but for what is wrong with known ones it is not.
type unknownInput struct{ message string }

func (e *unknownInput) Error() string { return e.message }

// nativeItem returns an item of the input but reasoning in Ollama's own terms. A
// message need not say that it is one.
func nativeItem(fields map[string]any) (message, error) {
	field := func(name string) string { text, _ := fields[name].(string); return text }
	switch kind := field("type"); {
	case kind == "message", kind == "" && field("role") != "":
		m := message{Role: field("role")}
		return m, m.addContent(fields["content"])
	case kind == "function_call":
		arguments := field("arguments")
		if arguments == "" {
			arguments = "{}"
		}
		if err := json.Unmarshal([]byte(arguments), new(any)); err != nil {
			return message{}, fmt.Errorf("failed to parse function call arguments: %w", err)
		}
		call := toolCall{field("call_id"), functionCall{Name: field("name"), Arguments: []byte(arguments)}}
		return message{Role: "assistant", ToolCalls: []toolCall{call}}, nil
	case kind == "function_call_output":
		output, ok := fields["output"].(string)
		if !ok && fields["output"] != nil {
			return message{}, &unknownInput{"output must be a string"}
		}
		return message{Role: "tool", Content: output, ToolCallID: field("call_id")}, nil
	default:
		return message{}, &unknownInput{"unknown input item type: " + kind}
	}
}

// addContent adds a text, or those and the images of a list of parts.
func (m *message) addContent(content any) error {
	parts, ok := content.([]any)
	if text, is := content.(string); is || content == nil {
		m.Content += text
	} else if !ok {
		return &unknownInput{"content must be a string or array"}
	}
	for i, p := range parts {
		fields, _ := p.(map[string]any)
		field := func(name string) string { text, _ := fields[name].(string); return text }
		switch kind := field("type"); kind {
		case "input_text", "output_text":
			m.Content += field("text")
		case "input_image":
			if field("image_url") == "" {
				continue
			}
			image, err := decodeImage(field("image_url"))
			if err != nil {
				return err
			}
			m.Images = append(m.Images, image)
		default:
			return &unknownInput{fmt.Sprintf("content[%d]: unknown content type: %s", i, kind)}
		}
	}
	return nil
}
