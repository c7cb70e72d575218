package ollamatest

import (
	"fmt"
	"net/http"
	"time"
)

type object = map[string]any

// responsesAnswer is an answer of /v1/responses.
type responsesAnswer struct {
	x       *exchange
	request *responsesRequest

	// Of a stream.
	events   int
	begun    bool
	index    int // of the output item that is being streamed
	said     part
	thinks   bool // the item of the thoughts is begun
	thought  bool // and done
	speaks   bool // the item of the text is begun
	calls    []object
	haveCall bool
}

// Ids of what an answer consists of.
const (
	responseID  = "resp_1"
	itemID      = "msg_1"
	reasoningID = "rs_1"
)

// response is a response whose keys are in the order of a real server's.
type response struct {
	ID                 string          `json:"id"`
	Object             string          `json:"object"`
	CreatedAt          int64           `json:"created_at"`
	CompletedAt        *int64          `json:"completed_at"`
	Status             string          `json:"status"`
	IncompleteDetails  any             `json:"incomplete_details"`
	Model              string          `json:"model"`
	PreviousResponseID any             `json:"previous_response_id"`
	Instructions       *string         `json:"instructions"`
	Output             []outputItem    `json:"output"`
	Error              any             `json:"error"`
	Tools              []responsesTool `json:"tools"`
	ToolChoice         string          `json:"tool_choice"`
	Truncation         string          `json:"truncation"`
	ParallelToolCalls  bool            `json:"parallel_tool_calls"`
	Text               responsesText   `json:"text"`
	TopP               float64         `json:"top_p"`
	PresencePenalty    float64         `json:"presence_penalty"`
	FrequencyPenalty   float64         `json:"frequency_penalty"`
	TopLogprobs        int             `json:"top_logprobs"`
	Temperature        float64         `json:"temperature"`
	Reasoning          any             `json:"reasoning"`
	Usage              *responsesUsage `json:"usage"`
	MaxOutputTokens    *int            `json:"max_output_tokens"`
	MaxToolCalls       any             `json:"max_tool_calls"`
	Store              bool            `json:"store"`
	Background         bool            `json:"background"`
	ServiceTier        string          `json:"service_tier"`
	Metadata           object          `json:"metadata"`
	SafetyIdentifier   any             `json:"safety_identifier"`
	PromptCacheKey     any             `json:"prompt_cache_key"`
}

type responsesText struct {
	Format responsesFormat `json:"format"`
}

type responsesUsage struct {
	InputTokens        int `json:"input_tokens"`
	OutputTokens       int `json:"output_tokens"`
	TotalTokens        int `json:"total_tokens"`
	InputTokensDetails struct {
		CachedTokens int `json:"cached_tokens"`
	} `json:"input_tokens_details"`
	OutputTokensDetails struct {
		ReasoningTokens int `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
}

// outputItem is a message, a call of a function, or reasoning.
type outputItem struct {
	ID               string        `json:"id"`
	Type             string        `json:"type"`
	Status           string        `json:"status,omitempty"`
	Role             string        `json:"role,omitempty"`
	Content          []outputText  `json:"content,omitempty"`
	CallID           string        `json:"call_id,omitempty"`
	Name             string        `json:"name,omitempty"`
	Arguments        string        `json:"arguments,omitempty"`
	Summary          []summaryText `json:"summary,omitempty"`
	EncryptedContent string        `json:"encrypted_content,omitempty"`
}

type outputText struct {
	Type        string `json:"type"`
	Text        string `json:"text"`
	Annotations []any  `json:"annotations"`
	Logprobs    []any  `json:"logprobs"`
}

type summaryText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// whole writes no text where there is a call, as a real server.
func (a *responsesAnswer) whole(p part) {
	var output []outputItem
	if p.thinking != "" {
		item := reasoningItem(p.thinking)
		item.ID = "rs_" + responseID
		output = append(output, item)
	}
	for i, c := range p.calls {
		output = append(output, callItem(c, fmt.Sprintf("fc_%s_%d", responseID, i)))
	}
	if len(p.calls) == 0 {
		output = append(output, messageItem(p.text))
	}
	r := a.response("completed", output)
	r.CompletedAt, r.Usage = new(time.Now().Unix()), a.usage(p)
	a.x.plainJSON(http.StatusOK, r)
}

func messageItem(text string) outputItem {
	return outputItem{
		ID: itemID, Type: "message", Status: "completed", Role: "assistant",
		Content: []outputText{{"output_text", text, []any{}, []any{}}},
	}
}

func callItem(c toolCall, id string) outputItem {
	return outputItem{
		ID: id, Type: "function_call", Status: "completed",
		CallID: c.ID, Name: c.Function.Name, Arguments: string(c.Function.Arguments),
	}
}

func reasoningItem(thinking string) outputItem {
	return outputItem{
		ID: reasoningID, Type: "reasoning", Summary: []summaryText{{"summary_text", thinking}}, EncryptedContent: thinking,
	}
}

func (a *responsesAnswer) usage(p part) *responsesUsage {
	return &responsesUsage{InputTokens: p.promptTokens, OutputTokens: p.tokens, TotalTokens: p.promptTokens + p.tokens}
}

// response returns a response that says back what was asked.
func (a *responsesAnswer) response(status string, output []outputItem) response {
	r := response{
		ID: responseID, Object: "response", CreatedAt: a.x.begun.Unix(), Status: status, Model: a.request.Model,
		Output: output, Tools: a.request.Tools, ToolChoice: "auto", Truncation: "disabled", ParallelToolCalls: true,
		Text: responsesText{responsesFormat{Type: "text"}}, TopP: 1, Temperature: 1, MaxOutputTokens: a.request.MaxOutputTokens,
		Background: a.request.Background, ServiceTier: "default", Metadata: object{},
	}
	if a.request.Instructions != "" {
		r.Instructions = &a.request.Instructions
	}
	if r.Tools == nil {
		r.Tools = []responsesTool{}
	}
	for _, given := range []struct{ to, from *float64 }{{&r.TopP, a.request.TopP}, {&r.Temperature, a.request.Temperature}} {
		if given.from != nil {
			*given.to = *given.from
		}
	}
	if a.request.Truncation != nil {
		r.Truncation = *a.request.Truncation
	}
	if t := a.request.Text; t != nil && t.Format != nil {
		r.Text.Format = *t.Format
	}
	r.Reasoning = a.reasoning()
	return r
}

// reasoning says back what was asked of it; a stream tells null of the rest.
func (a *responsesAnswer) reasoning() any {
	asked, said := a.request.Reasoning, object{}
	for name, value := range map[string]string{"effort": asked.Effort, "summary": asked.Summary} {
		switch {
		case value != "":
			said[name] = value
		case a.request.Stream:
			said[name] = nil
		}
	}
	if asked.Effort == "" && asked.Summary == "" {
		return nil
	}
	return said
}
