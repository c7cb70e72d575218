package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/fault"
	"github.com/paddock-gate/paddock/internal/ollama"
)

// filler returns what may be sent at any time between two events of a stream and means nothing; "" where the dialect has no
// such thing.
func (d Dialect) filler() string {
	switch d {
	case OpenAI, Responses:
		return ": ping\n\n"
	case Anthropic:
		return "event: ping\ndata: {\"type\":\"ping\"}\n\n"
	case Ollama:
	}
	return ""
}

// errorEvent returns an error as it is told in the middle of a stream.
func (d Dialect) errorEvent(ctx context.Context, err *connect.Error) []byte {
	status := statusOf(err)
	if status == http.StatusServiceUnavailable { // no overload: who reads that waits for minutes before another try
		status = http.StatusInternalServerError
	}
	return d.asEvent(d.errorBody(ctx, status, string(fault.ReasonOf(err)), err.Message()))
}

// errorEventOf returns a refusal of the upstream's as it is told in the middle of a stream.
func (d Dialect) errorEventOf(ctx context.Context, r *refusal) []byte {
	return d.asEvent(d.errorBody(ctx, r.status, "", ollama.SafeText(r.message)))
}

// asEvent returns an error's body, which is one of errorBody's, as the event of a stream.
func (d Dialect) asEvent(body []byte) []byte {
	switch d {
	case OpenAI:
		return append(append([]byte("data: "), body...), "\n\n"...)
	case Anthropic:
		return append(append([]byte("event: error\ndata: "), body...), "\n\n"...)
	case Responses:
		return failedResponse(body)
	case Ollama:
	}
	return append(body, '\n')
}

// failedResponse tells an error in the terms of Responses. OpenAI's libraries raise the error of the first event; Codex looks
// for that of the second, and shows its message.
func failedResponse(body []byte) []byte {
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
		Sequence int     `json:"sequence_number"`
		Code     string  `json:"code"`
		Message  string  `json:"message"`
		Param    *string `json:"param"`
		Error    any     `json:"error"`
	}{"error", 0, code, e.Message, e.Param, e})
	second, _ := json.Marshal(struct {
		Type     string   `json:"type"`
		Sequence int      `json:"sequence_number"`
		Response response `json:"response"`
	}{"response.failed", 0, response{
		ID: "resp_failed", Object: "response", CreatedAt: time.Now().Unix(), Status: "failed", Error: brief{code, e.Message}, Output: []string{},
	}})
	return bytes.Join([][]byte{[]byte("event: error\ndata: "), first, []byte("\n\nevent: response.failed\ndata: "), second, []byte("\n\n")}, nil)
}

// event is one event of a stream of server-sent events.
type event struct {
	name, data []byte
}

// parseEvent reads an event as the specification has it: lines may end in CRLF, and a space behind the colon may be missing.
// Of several lines of data it takes the first, which is all that the upstreams write.
func parseEvent(unit []byte) (e event) {
	for len(unit) > 0 {
		var line []byte
		line, unit, _ = bytes.Cut(unit, newline)
		line = bytes.TrimSuffix(line, carriageReturn)
		switch key, value, _ := bytes.Cut(line, colon); {
		case e.name == nil && string(key) == "event":
			e.name = bytes.TrimPrefix(value, blank)
		case e.data == nil && string(key) == "data":
			e.data = bytes.TrimPrefix(value, blank)
		}
	}
	return e
}

var newline, carriageReturn, colon, blank = []byte("\n"), []byte("\r"), []byte(":"), []byte(" ")

// lineEnd returns where the first line in b ends, its newline included; 0 when it does not.
func lineEnd(b []byte) int { return bytes.IndexByte(b, '\n') + 1 }

// eventEnd returns where the first event in b ends, its empty line included; 0 when it does not.
func eventEnd(b []byte) int {
	for at := 0; ; {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 {
			return 0
		}
		at += n + 1
		switch rest := b[at:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return at + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return at + 2
		}
	}
}
