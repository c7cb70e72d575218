package gateway

import (
	"bytes"
	"net/http"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/fault"
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

// sendError sends an error in the middle of a stream.
func (x *exchange) sendError(err *connect.Error) {
	status := statusOf(err)
	if status == http.StatusServiceUnavailable { // no overload: who reads that waits for minutes before another try
		status = http.StatusInternalServerError
	}
	x.send(eventStream, x.errorEvent(status, string(fault.ReasonOf(err)), err.Message()))
}

// errorEvent returns an error as an event of the client's stream.
func (x *exchange) errorEvent(status int, reason, message string) []byte {
	d := x.request.call.dialect
	body := d.errorBody(x.ctx, status, reason, message)
	switch d {
	case OpenAI:
		return append(append([]byte("data: "), body...), "\n\n"...)
	case Anthropic:
		return append(append([]byte("event: error\ndata: "), body...), "\n\n"...)
	case Responses:
		return x.responses.failed(body)
	case Ollama:
	}
	return append(body, '\n')
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
