package ollamatest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// messagesRequest is one of /v1/messages.
type messagesRequest struct {
	Model         string            `json:"model"`
	Messages      []messagesMessage `json:"messages"`
	System        any               `json:"system"`
	Stream        bool              `json:"stream"`
	MaxTokens     float64           `json:"max_tokens"`
	StopSequences []string          `json:"stop_sequences"`
	Tools         []messagesTool    `json:"tools"`
	Thinking      *struct {
		Type string `json:"type"`
	} `json:"thinking"`
}

type messagesMessage struct {
	Role    string `json:"role"`
	Content any    `json:"content"`
}

type messagesTool struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	InputSchema json.RawMessage `json:"input_schema"`
}

// readMessages reads a request in Anthropic's dialect.
func readMessages(x *exchange) (*chatRequest, dialect, *refusal) {
	var request messagesRequest
	refused := x.decode(&request)
	r := &chatRequest{
		Model: request.Model, Stream: &request.Stream, relaxesThink: true,
		Options: map[string]any{"num_predict": request.MaxTokens},
	}
	if refused == nil {
		refused = request.native(r)
	}
	if refused == nil && request.Stream {
		x.announceStream()
	}
	return r, &messagesAnswer{x: x, estimate: request.estimate()}, refused
}

// native puts the request into Ollama's own terms.
func (request *messagesRequest) native(r *chatRequest) *refusal {
	bad := func(message string) *refusal { return &refusal{http.StatusBadRequest, message} }
	switch {
	case request.Model == "":
		return bad("model is required")
	case request.MaxTokens <= 0:
		return bad("max_tokens is required and must be positive")
	case len(request.Messages) == 0:
		return bad("messages is required")
	}
	if system := texts(request.System); system != "" {
		r.Messages = append(r.Messages, message{Role: "system", Content: system})
	}
	for _, m := range request.Messages {
		list, err := m.native()
		if err != nil {
			return bad(err.Error())
		}
		r.Messages = append(r.Messages, list...)
	}
	if len(request.StopSequences) > 0 {
		var stops []any
		for _, s := range request.StopSequences {
			stops = append(stops, s)
		}
		r.Options["stop"] = stops
	}
	for _, t := range request.Tools {
		native, err := t.native()
		if err != nil {
			return bad(err.Error())
		}
		r.Tools = append(r.Tools, native)
	}
	if request.Thinking != nil && request.Thinking.Type == "enabled" {
		r.Think = &think{on: true}
	}
	return nil
}

// native returns a message in Ollama's own terms, and one more for each result of
// a tool. Blocks of kinds that Ollama does not know say nothing.
func (m messagesMessage) native() ([]message, error) {
	said := message{Role: strings.ToLower(m.Role)}
	var results []message
	switch content := m.Content.(type) {
	case string:
		said.Content = content
		return []message{said}, nil
	case []any:
		for _, block := range content {
			fields, ok := block.(map[string]any)
			if !ok {
				return nil, errors.New("invalid content block format")
			}
			if kind := fields["type"]; kind == "tool_result" || kind == "web_search_tool_result" {
				id, _ := fields["tool_use_id"].(string)
				results = append(results, message{Role: "tool", Content: texts(fields["content"]), ToolCallID: id})
			} else if err := said.addBlock(fields); err != nil {
				return nil, err
			}
		}
	default:
		return nil, fmt.Errorf("invalid message content type: %T", content)
	}
	if said.Content != "" || said.Images != nil || said.ToolCalls != nil || said.Thinking != "" {
		return append([]message{said}, results...), nil
	}
	return results, nil
}

func (m *message) addBlock(fields map[string]any) error {
	field := func(name string) string { text, _ := fields[name].(string); return text }
	switch kind := field("type"); kind {
	case "text":
		m.Content += field("text")
	case "thinking":
		m.Thinking = field("thinking")
	case "image":
		image, err := imageOf(fields["source"])
		m.Images = append(m.Images, image)
		return err
	case "tool_use", "server_tool_use":
		for _, name := range []string{"id", "name"} {
			if _, ok := fields[name].(string); !ok && kind == "tool_use" {
				return fmt.Errorf("tool_use block missing required '%s' field", name)
			}
		}
		arguments := []byte("{}")
		if input, ok := fields["input"].(map[string]any); ok {
			arguments, _ = json.Marshal(input) // decoded before
		}
		m.ToolCalls = append(m.ToolCalls, toolCall{field("id"), functionCall{Name: field("name"), Arguments: arguments}})
	}
	return nil
}

func imageOf(source any) ([]byte, error) {
	fields, ok := source.(map[string]any)
	if !ok {
		return nil, errors.New("invalid image source")
	}
	if fields["type"] != "base64" {
		kind, _ := fields["type"].(string)
		return nil, fmt.Errorf("invalid image source type: %s. Only base64 images are supported.", kind) //nolint:staticcheck // as Ollama writes it
	}
	data, _ := fields["data"].(string)
	image, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return nil, fmt.Errorf("invalid base64 image data: %w", err)
	}
	return image, nil
}

// texts returns a text, or those of a list of blocks in one.
func texts(content any) string {
	text, _ := content.(string)
	blocks, _ := content.([]any)
	for _, block := range blocks {
		if fields, ok := block.(map[string]any); ok && fields["type"] == "text" {
			more, _ := fields["text"].(string)
			text += more
		}
	}
	return text
}

// native returns a tool in Ollama's own terms. Anthropic's web search is one that
// a real server would run, for models of the cloud only.
func (t messagesTool) native() (tool, error) {
	if strings.HasPrefix(t.Type, "web_search") {
		return tool{"function", function{
			Name:        "web_search",
			Description: "Search the web for current information. Use this to find up-to-date information about any topic.",
			Parameters: parameters{
				Type: "object", Required: []string{"query"},
				Properties: []byte(`{"query":{"type":"string","description":"The search query to look up on the web"}}`),
			},
		}}, nil
	}
	native := tool{"function", function{Name: t.Name, Description: t.Description}}
	if len(t.InputSchema) > 0 {
		if err := json.Unmarshal(t.InputSchema, &native.Function.Parameters); err != nil {
			return tool{}, fmt.Errorf("invalid input_schema for tool %q: %w", t.Name, err)
		}
	}
	return native, nil
}

// estimate is what a stream says at its begin that it read: a token for every
// four bytes.
func (request *messagesRequest) estimate() int {
	n := contentLength(request.System)
	for _, m := range request.Messages {
		n += len(m.Role) + contentLength(m.Content)
	}
	for _, t := range request.Tools {
		n += len(t.Name) + len(t.Description) + len(t.InputSchema)
	}
	return max(n/4, 1)
}

func contentLength(content any) int {
	text, _ := content.(string)
	n := len(text)
	blocks, _ := content.([]any)
	for _, block := range blocks {
		fields, _ := block.(map[string]any)
		for _, name := range []string{"text", "thinking"} {
			text, _ := fields[name].(string)
			n += len(text)
		}
		if kind := fields["type"]; kind == "tool_use" || kind == "tool_result" {
			whole, _ := json.Marshal(fields) // decoded before
			n += len(whole)
		}
	}
	return n
}
