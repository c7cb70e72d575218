package dialect

import "encoding/json"

// said is a whole answer in any of the dialects, as far as a model has said it.
type said struct {
	spoken           // of /api/generate
	Message spoken   // of /api/chat
	Choices []choice // of OpenAI
	Content []spoken // of Anthropic
	Output  []item   // of Responses
	Done    *bool    // of Ollama
}

type choice struct {
	Message spoken
	Text    string // of /v1/completions
}

// item is one of Responses: a message, a call or what was thought.
type item struct {
	Content, Summary []spoken
	Arguments        string
}

type spoken struct {
	Content, Response, Text, Thinking, Reasoning string

	Calls json.RawMessage `json:"tool_calls"`
	Input json.RawMessage // of Anthropic's calls
}

// Said returns how many bytes of a whole answer a model has said, and whether it had more to say.
func Said(answer []byte) (size int, unfinished bool) {
	var s said
	_ = json.Unmarshal(answer, &s) // as much of it as is understood
	size = s.spoken.size() + s.Message.size()
	for _, c := range s.Choices {
		size += len(c.Text) + c.Message.size()
	}
	for _, part := range s.Content {
		size += part.size()
	}
	for _, i := range s.Output {
		size += len(i.Arguments)
		for _, part := range append(i.Content, i.Summary...) {
			size += part.size()
		}
	}
	return size, s.Done != nil && !*s.Done
}

func (s spoken) size() int {
	return len(s.Content) + len(s.Response) + len(s.Text) + len(s.Thinking) + len(s.Reasoning) + len(s.Calls) + len(s.Input)
}
