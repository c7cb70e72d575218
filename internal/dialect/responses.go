package dialect

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// response is what an event of a stream, or a whole answer, says of the call.
type response struct {
	ID    string
	Usage *struct {
		Input  count `json:"input_tokens"`
		Output count `json:"output_tokens"`
	}
	Error *struct{ Message string }
}

// responseIn returns the response in an event; its zero value if that is malformed.
func responseIn(event []byte) response {
	var e struct{ Response response }
	_ = json.Unmarshal(event, &e)
	return e.Response
}

// failureIn returns the message of an event that reports a failure.
func failureIn(event []byte) string {
	if r := responseIn(event); r.Error != nil {
		return r.Error.Message
	}
	var e struct{ Message string }
	if said := ollama.ErrorText(event); said != "" {
		return said
	}
	_ = json.Unmarshal(event, &e)
	return e.Message
}

// counts returns the counts of a response. What else stands in one was said by the client or the model.
func (r response) counts() (prompt, completion int64) {
	if r.Usage == nil {
		return 0, 0
	}
	return int64(r.Usage.Input), int64(r.Usage.Output)
}

// Counts returns the counts in a whole answer.
func (d Dialect) Counts(answer []byte) (prompt, completion int64) {
	if d == Responses {
		var r response
		_ = json.Unmarshal(answer, &r)
		return r.counts()
	}
	found := NewTally(d)
	found.find(answer)
	return found.prompt.n, found.completion.n
}

// responsesStream is what a client has been sent of a stream so far.
type responsesStream struct {
	id   string // of the response
	next int64  // sequence number
}

// note notes what an event that is sent to the client says of the stream.
func (s *responsesStream) note(e event) {
	if s.id == "" {
		s.id = responseIn(e.data).ID
	}
	const key = `"sequence_number":`
	if at := bytes.Index(e.data, []byte(key)); at >= 0 {
		var n int64
		if json.NewDecoder(bytes.NewReader(e.data[at+len(key):])).Decode(&n) == nil {
			s.next = n + 1
		}
	}
}

// failed returns the events that end the stream with an error, of which body is errorBody's. OpenAI's libraries raise the error of
// the first event; Codex looks for that of the second, and shows its message.
func (s *responsesStream) failed(body []byte) []byte {
	var told struct{ Error openAIError }
	_ = json.Unmarshal(body, &told) // our own
	e := told.Error
	code := e.Type
	if e.Code != nil {
		code = *e.Code
	}
	type brief struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	type response struct {
		ID        string   `json:"id"`
		Object    string   `json:"object"`
		CreatedAt int64    `json:"created_at"`
		Status    string   `json:"status"`
		Error     brief    `json:"error"`
		Output    []string `json:"output"`
	}
	first, _ := json.Marshal(struct { // of strings and numbers, which always marshals
		Type     string  `json:"type"`
		Sequence int64   `json:"sequence_number"`
		Code     string  `json:"code"`
		Message  string  `json:"message"`
		Param    *string `json:"param"`
		Error    any     `json:"error"`
	}{"error", s.next, code, e.Message, e.Param, e})
	second, _ := json.Marshal(struct {
		Type     string   `json:"type"`
		Sequence int64    `json:"sequence_number"`
		Response response `json:"response"`
	}{"response.failed", s.next + 1, response{
		ID: cmp.Or(s.id, "resp_failed"), Object: "response", CreatedAt: time.Now().Unix(), Status: "failed",
		Error: brief{code, e.Message}, Output: []string{},
	}})
	return slices.Concat([]byte("event: error\ndata: "), first, []byte("\n\nevent: response.failed\ndata: "), second, []byte("\n\n"))
}
