package ollamatest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// responsesRequest is one of /v1/responses. Fields that a real server does not
// know, such as previous_response_id, it passes over.
type responsesRequest struct {
	Model           string          `json:"model"`
	Background      bool            `json:"background"`
	Input           responsesInput  `json:"input"`
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

// responsesInput is a text or a list of items.
type responsesInput struct {
	text  string
	items []responsesItem
}

func (in *responsesInput) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &in.text) == nil {
		return nil
	}
	var items []json.RawMessage
	if err := json.Unmarshal(data, &items); err != nil {
		return fmt.Errorf("input must be a string or array: %w", err)
	}
	for i, raw := range items {
		var item responsesItem
		if err := json.Unmarshal(raw, &item); err != nil {
			return fmt.Errorf("input[%d]: %w", i, err)
		}
		in.items = append(in.items, item)
	}
	return nil
}

// responsesItem is an item of any kind that a real server takes as input.
type responsesItem struct {
	Type             string           `json:"type"`
	Role             string           `json:"role"` // of a message, as the content
	Content          responsesContent `json:"content"`
	CallID           string           `json:"call_id"`           // of a function_call and its output
	Name             string           `json:"name"`              // of a function_call, as the arguments
	Arguments        string           `json:"arguments"`         //
	Output           string           `json:"output"`            // of a function_call_output
	EncryptedContent string           `json:"encrypted_content"` // of reasoning
}

func (item *responsesItem) UnmarshalJSON(data []byte) error {
	var kind struct{ Type, Role string }
	if err := json.Unmarshal(data, &kind); err != nil {
		return err
	}
	type plain responsesItem
	switch {
	case kind.Type == "message", kind.Type == "" && kind.Role != "":
		var message struct {
			Role    string           `json:"role"`
			Content responsesContent `json:"content"`
		}
		err := json.Unmarshal(data, &message)
		*item = responsesItem{Type: "message", Role: message.Role, Content: message.Content}
		return err
	case kind.Type == "function_call", kind.Type == "function_call_output", kind.Type == "reasoning":
		var other plain
		err := json.Unmarshal(data, &other)
		*item = responsesItem(other)
		return err
	}
	return fmt.Errorf("unknown input item type: %s", kind.Type)
}

// responsesContent is a text or a list of parts.
type responsesContent []responsesPart

type responsesPart struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	ImageURL string `json:"image_url"`
}

func (c *responsesContent) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*c = responsesContent{{Type: "input_text", Text: text}}
		return nil
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return fmt.Errorf("content must be a string or array: %w", err)
	}
	for i, raw := range parts {
		var part responsesPart
		if err := json.Unmarshal(raw, &part); err != nil {
			return fmt.Errorf("content[%d]: %w", i, err)
		}
		switch part.Type {
		case "input_text", "input_image", "output_text":
			*c = append(*c, part)
		default:
			return fmt.Errorf("content[%d]: unknown content type: %s", i, part.Type)
		}
	}
	return nil
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
	return r, newResponsesAnswer(x, request), refused
}

// native puts the request into Ollama's own terms.
func (request *responsesRequest) native(r *chatRequest) error {
	if request.Instructions != "" {
		r.Messages = append(r.Messages, message{Role: "system", Content: request.Instructions})
	}
	if request.Input.text != "" {
		r.Messages = append(r.Messages, message{Role: "user", Content: request.Input.text})
	}
	var err error
	if r.Messages, err = nativeItems(r.Messages, request.Input.items); err != nil {
		return err
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
func nativeItems(messages []message, items []responsesItem) ([]message, error) {
	var thinking string
	for _, item := range items {
		m := message{Role: item.Role}
		switch item.Type {
		case "reasoning":
			thinking = item.EncryptedContent
			continue
		case "function_call_output":
			m = message{Role: "tool", Content: item.Output, ToolCallID: item.CallID}
		case "function_call":
			arguments := item.Arguments
			if arguments == "" {
				arguments = "{}"
			}
			if !json.Valid([]byte(arguments)) {
				return nil, fmt.Errorf("failed to parse function call arguments: %w", json.Unmarshal([]byte(arguments), new(any)))
			}
			m = message{Role: "assistant", ToolCalls: []toolCall{{item.CallID, functionCall{Name: item.Name, Arguments: []byte(arguments)}}}}
			if last := len(messages) - 1; last >= 0 && messages[last].Role == "assistant" {
				m.Content, m.Images = messages[last].Content, messages[last].Images
				m.Thinking, m.ToolCalls = messages[last].Thinking, append(messages[last].ToolCalls, m.ToolCalls...)
				messages = messages[:last]
			}
		default:
			if err := m.addContent(item.Content); err != nil {
				return nil, err
			}
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

func (m *message) addContent(content responsesContent) error {
	for _, part := range content {
		m.Content += part.Text
		if part.ImageURL != "" {
			image, err := decodeImage(part.ImageURL)
			if err != nil {
				return err
			}
			m.Images = append(m.Images, image)
		}
	}
	return nil
}
