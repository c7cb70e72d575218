package gateway

import (
	"encoding/json"

	"github.com/paddock-gate/paddock/internal/usage"
)

// openAIResponses is OpenAI's Responses API as Ollama serves it: without a memory of its own.
var openAIResponses = &modelCall{
	dialect: Responses, kind: usage.Chat, path: "v1/responses",
	fields: fields{
		"model":               {be: text, use: theModel},
		"input":               {be: textOrList, use: prompt},
		"instructions":        {be: text, use: prompt},
		"tools":               {be: list, use: theTools},
		"tool_choice":         {be: anything, use: theToolChoice},
		"parallel_tool_calls": {be: flag},
		"stream":              {be: flag, use: theStream},
		"max_output_tokens":   {be: whole(anyTokens, mostTokens), use: theLimit},
		"temperature":         {be: anyNumber},
		"top_p":               {be: anyNumber},
		"truncation":          {be: text},
		"text":                {be: object},
		"reasoning":           {be: object},
		"include":             {be: list},
		"background":          {be: flag, use: forbid},
		"prompt_cache_key":    {be: text, use: theConversation},

		"previous_response_id": {be: anything, use: forbid},
		"conversation":         {be: anything, use: forbid},
	},
}

// response is what the last event of a stream, or a whole answer, says of the call.
type response struct {
	Usage *struct {
		Input  int64 `json:"input_tokens"`
		Output int64 `json:"output_tokens"`
	}
	Error *struct{ Message string }
}

// responseIn returns the response that an event tells of; nothing of it, if it cannot be understood.
func responseIn(event []byte) response {
	var e struct{ Response response }
	_ = json.Unmarshal(event, &e)
	return e.Response
}

// failureIn returns the words of an event that tells of a failure.
func failureIn(event []byte) string {
	if r := responseIn(event); r.Error != nil {
		return r.Error.Message
	}
	var e struct{ Message string }
	if said := upstreamMessage(event); said != "" {
		return said
	}
	_ = json.Unmarshal(event, &e)
	return e.Message
}

// countResponse takes the counts of a response. What else stands in one was said by the client or the model.
func (x *exchange) countResponse(r response) {
	found := &tally{}
	if r.Usage != nil {
		found.prompt.n, found.completion.n = max(r.Usage.Input, 0), max(r.Usage.Output, 0)
	}
	x.count(found)
}
