package ollamatest

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// chatRequest is what a model is asked, in the terms of /api/chat and
// /api/generate. The requests of the other dialects are put into them.
type chatRequest struct {
	Model       string          `json:"model"`
	Messages    []message       `json:"messages"`
	Tools       []tool          `json:"tools"`
	Stream      *bool           `json:"stream"`
	Format      json.RawMessage `json:"format"`
	Think       *think          `json:"think"`
	KeepAlive   *duration       `json:"keep_alive"`
	Truncate    *bool           `json:"truncate"`
	Options     map[string]any  `json:"options"`
	Logprobs    bool            `json:"logprobs"`
	TopLogprobs int             `json:"top_logprobs"`

	// Of /api/generate alone.
	Prompt   string   `json:"prompt"`
	Suffix   string   `json:"suffix"`
	System   string   `json:"system"`
	Template string   `json:"template"`
	Raw      bool     `json:"raw"`
	Images   [][]byte `json:"images"`
	Context  []int    `json:"context"`

	generates    bool // rather than chats
	relaxesThink bool // where the model cannot think
}

type message struct {
	Role       string     `json:"role"`
	Content    string     `json:"content"`
	Thinking   string     `json:"thinking,omitempty"`
	Images     [][]byte   `json:"images,omitempty"`
	ToolCalls  []toolCall `json:"tool_calls,omitempty"`
	ToolName   string     `json:"tool_name,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

type toolCall struct {
	ID       string       `json:"id,omitempty"`
	Function functionCall `json:"function"`
}

type functionCall struct {
	Index     int             `json:"index"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
}

// tool and those below it have no more fields than a real server passes on.
type tool struct {
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type function struct {
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Parameters  parameters `json:"parameters"`
}

type parameters struct {
	Type       string          `json:"type"`
	Defs       json.RawMessage `json:"$defs,omitempty"`
	Items      json.RawMessage `json:"items,omitempty"`
	Required   []string        `json:"required,omitempty"`
	Properties json.RawMessage `json:"properties"`
}

// streams reports whether the answer is a stream, as it is unless told.
func (r *chatRequest) streams() bool { return r.Stream == nil || *r.Stream }

// empty reports whether the request says nothing to the model, and so only
// loads or unloads it.
func (r *chatRequest) empty() bool {
	if r.generates {
		return r.Prompt == ""
	}
	return len(r.Messages) == 0
}

// think is whether and how much a model shall think.
type think struct {
	on    bool
	level string
}

func (t *think) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &t.on) == nil {
		return nil
	}
	if json.Unmarshal(data, &t.level) == nil {
		t.on = true
		switch t.level {
		case "high", "medium", "low":
			return nil
		}
		return fmt.Errorf(`invalid think value: %q (must be "high", "medium", "low", true, or false)`, t.level)
	}
	return fmt.Errorf(`think must be a boolean or string ("high", "medium", "low", true, or false)`)
}

// duration is a number of seconds or a text such as "5m".
type duration time.Duration

func (d *duration) UnmarshalJSON(data []byte) error {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case float64:
		*d = duration(v * float64(time.Second))
		if v < 0 {
			*d = math.MaxInt64
		}
	case string:
		parsed, err := time.ParseDuration(v)
		if err != nil {
			return err
		}
		*d = duration(parsed)
	default:
		return fmt.Errorf("Unsupported type: '%T'", v) //nolint:staticcheck // as Ollama writes it
	}
	return nil
}

// refusal is why a request cannot be read.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

// asked is what a request to one of the models' routes asks, and how it is
// answered.
type asked struct {
	request *chatRequest
	dialect dialect
	refused *refusal
}

// read reads the request, once. A request that is refused, or that is none to a
// model, gives an empty one, so that scripts can answer it all the same.
func (x *exchange) read() *asked {
	if x.asked != nil {
		return x.asked
	}
	x.asked = &asked{request: &chatRequest{}}
	if x.route.read == nil {
		x.asked.dialect = &nativeAnswer{x: x}
		return x.asked
	}
	request, dialect, refused := x.route.read(x)
	for i := range request.Messages {
		request.Messages[i].Role = strings.ToLower(request.Messages[i].Role)
	}
	*x.asked = asked{request, dialect, refused}
	return x.asked
}
