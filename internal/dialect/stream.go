package dialect

import (
	"bytes"
	"encoding/json"
	"net/http"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// Stream is an answer that is relayed unit by unit: by lines, or by events.
type Stream struct {
	Dialect
	// Usage: the client asked for OpenAI's usage.
	Usage bool
	// UsageEverywhere: every chunk carries one, because it is asked for upstream.
	UsageEverywhere bool

	Produced           int64 // pieces of the answer so far
	Counted            bool  // the upstream has said what it counted, in tokens
	Prompt, Completion int64
	responses          responsesStream
}

// End returns where the first unit in b ends; 0 when it does not.
func (s *Stream) End(b []byte) int {
	if s.Dialect == Ollama {
		return bytes.IndexByte(b, '\n') + 1
	}
	return eventEnd(b)
}

// Whole returns b, which is what is left of a stream that has ended, with the end of its unit if nothing but that is missing.
func (s *Stream) Whole(b []byte) (unit []byte, ok bool) {
	data := bytes.TrimSpace(b)
	if e := parseEvent(b); e.data != nil {
		data = e.data
	}
	if !json.Valid(data) && string(data) != "[DONE]" {
		return nil, false
	}
	end := "\n\n"
	if s.Dialect == Ollama {
		end = "\n"
	}
	return append(bytes.TrimRight(b, "\r\n"), end...), true
}

// Read reads a unit, its end included. It returns what the client is shown of it, which may be a part of unit, and whether it is
// the last one. It fails when the upstream reports a failure, and when the unit is malformed.
func (s *Stream) Read(unit []byte) (shown []byte, over bool, err error) {
	switch s.Dialect {
	case OpenAI:
		return s.readOpenAI(unit)
	case Anthropic:
		return s.readAnthropic(unit)
	case Responses:
		return s.readResponses(unit)
	case Ollama:
	}
	return s.readOllama(unit)
}

// Error returns an error as the unit that ends the stream.
func (s *Stream) Error(body []byte) []byte {
	switch s.Dialect {
	case OpenAI:
		return append(append([]byte("data: "), body...), "\n\n"...)
	case Anthropic:
		return append(append([]byte("event: error\ndata: "), body...), "\n\n"...)
	case Responses:
		return s.responses.failed(body)
	case Ollama:
	}
	return append(body, '\n')
}

// StreamStatus returns the status that an error has within a stream.
func StreamStatus(err *connect.Error) int {
	status := statusOf(err)
	if status == http.StatusServiceUnavailable { // no overload: who reads that waits for minutes before another try
		status = http.StatusInternalServerError
	}
	return status
}

// countIn looks for the counts in a unit.
func (s *Stream) countIn(unit []byte) {
	found := NewTally(s.Dialect)
	found.find(unit)
	s.Counted, s.Prompt, s.Completion = true, found.prompt.n, found.completion.n
}

// holds reports whether a unit holds a key, which is quoted and has its colon, of a value that begins so, at any depth. Not
// every upstream writes a value close to its colon, as Go does: there may be a blank between them.
func holds(unit []byte, key, value string) bool {
	for {
		at := bytes.Index(unit, []byte(key))
		if at < 0 {
			return false
		}
		unit = bytes.TrimPrefix(unit[at+len(key):], blank)
		if bytes.HasPrefix(unit, []byte(value)) {
			return true
		}
	}
}

// readOllama reads a line. It decodes none but those that may be the last: the others it need not understand.
func (s *Stream) readOllama(line []byte) ([]byte, bool, error) {
	if holds(line, `"done":`, "true") || holds(line, `"error":`, "") {
		var last struct {
			Error *string
			Done  bool
		}
		if err := json.Unmarshal(line, &last); err != nil {
			return nil, false, ollama.ErrNonsense
		}
		switch {
		case last.Error != nil:
			return nil, false, ollama.ModelError(*last.Error)
		case last.Done:
			s.countIn(line)
			return line, true, nil
		}
	}
	s.Produced++
	return line, false, nil
}

// readOpenAI reads an event. The usage that Paddock asks for is shown to those who asked for it themselves.
func (s *Stream) readOpenAI(unit []byte) ([]byte, bool, error) {
	switch data := parseEvent(unit).data; {
	case bytes.HasPrefix(data, []byte(`{"error":`)):
		return nil, false, ollama.ModelError(ollama.ErrorText(data))
	case bytes.HasPrefix(data, []byte("[DONE]")):
		return unit, true, nil
	case holds(data, `"choices":`, "[]"):
		s.countIn(data)
		if !s.Usage {
			return nil, false, nil
		}
		return unit, false, nil
	case holds(data, `"finish_reason":`, "null"):
		s.Produced++
	}
	if s.UsageEverywhere && !s.Usage {
		unit = withoutUsage(unit)
	}
	return unit, false, nil
}

// withoutUsage cuts the usage off that ends a chunk of /v1/completions.
func withoutUsage(unit []byte) []byte {
	text := bytes.TrimRight(unit, "\r\n")
	at := bytes.LastIndex(text, []byte(`,"usage":{`))
	if at < 0 || !bytes.HasSuffix(text, []byte("}}")) {
		return unit
	}
	return append(unit[:at], unit[len(text)-1:]...)
}

// readAnthropic reads an event.
func (s *Stream) readAnthropic(unit []byte) ([]byte, bool, error) {
	switch e := parseEvent(unit); string(e.name) {
	case "error":
		return nil, false, ollama.ModelError(ollama.ErrorText(e.data))
	case "message_stop":
		return unit, true, nil
	case "message_delta":
		s.countIn(e.data)
	case "content_block_delta":
		s.Produced++
	}
	return unit, false, nil
}

// readResponses reads an event. The counts stand in the last one, which is large: it says again all that was said.
func (s *Stream) readResponses(unit []byte) ([]byte, bool, error) {
	e := parseEvent(unit)
	switch name := string(e.name); {
	case name == "response.completed", name == "response.incomplete":
		s.Counted = true
		s.Prompt, s.Completion = responseIn(e.data).counts()
		return unit, true, nil
	case name == "response.failed", name == "error":
		return nil, false, ollama.ModelError(failureIn(e.data))
	case bytes.HasSuffix(e.name, []byte(".delta")):
		s.Produced++
	}
	s.responses.note(e)
	return unit, false, nil
}
