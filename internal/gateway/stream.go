package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/usage"
)

const (
	// firstBuffer is what a stream begins with: an upstream's chunk is some 200 bytes long.
	firstBuffer = 2 << 10
	// maxUnit bounds a line or an event: one may hold a picture, a context of 131,072 numbers or the arguments of a call.
	maxUnit = 16 << 20
	// drainTime is how long drain waits for EOF after the final message.
	drainTime = 50 * time.Millisecond
)

// stream relays a stream as it comes, by whole lines or events.
func (x *exchange) stream(answer *ollama.Answer) error {
	read, end, missing := x.reader()
	buf := make([]byte, 0, firstBuffer)
	for {
		if len(buf) == cap(buf) {
			if len(buf) >= maxUnit {
				return ollama.ErrNonsense
			}
			buf = slices.Grow(buf, len(buf))
		}
		n, failed := answer.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		out, rest, over, err := units(buf, end, read)
		if !over && err == nil && errors.Is(failed, io.EOF) && isWhole(rest) { // the last one, without its end
			rest = append(bytes.TrimRight(rest, "\r\n"), missing...)
			var last []byte
			last, over, err = read(rest)
			out = append(out, last...)
		}
		if len(out) > 0 {
			x.reservation.Produced(x.produced)
			if !x.send(answer.ContentType, out) {
				x.outcome = usage.Aborted
				return nil
			}
		}
		switch {
		case err != nil:
			return err
		case over:
			x.outcome = usage.OK
			x.drain(answer)
			return nil
		case errors.Is(failed, io.EOF):
			return ollama.ErrUnfinished
		case failed != nil:
			return failed
		}
		buf = append(buf[:0], rest...)
	}
}

// units takes the whole units off the front of buf. What is to be sent of them it moves together in their place.
func units(buf []byte, end func([]byte) int, read reader) (out, rest []byte, over bool, err error) {
	out, rest = buf[:0], buf
	for !over && err == nil {
		n := end(rest)
		if n == 0 {
			break
		}
		var shown []byte
		shown, over, err = read(rest[:n])
		out = append(out, shown...)
		rest = rest[n:]
	}
	return out, rest, over, err
}

// isWhole reports whether nothing but its end is missing of a line or an event.
func isWhole(unit []byte) bool {
	data := bytes.TrimSpace(unit)
	if e := parseEvent(unit); e.data != nil {
		data = e.data
	}
	return json.Valid(data) || string(data) == "[DONE]"
}

// drain reads the end of an answer, so that its connection can be used again.
func (x *exchange) drain(answer *ollama.Answer) {
	timer := time.AfterFunc(drainTime, x.cancel)
	defer timer.Stop()
	_, _ = io.CopyN(io.Discard, answer, 4<<10)
}

// reader reads a line or an event, its end included. It returns what the client is shown of it, which may be a part of unit,
// and whether it is the last one.
type reader func(unit []byte) (shown []byte, over bool, err error)

// reader returns that of the dialect, what finds the end of its units, and what that end is.
func (x *exchange) reader() (read reader, end func([]byte) int, missing string) {
	switch x.request.call.dialect {
	case OpenAI:
		return x.readOpenAI, eventEnd, "\n\n"
	case Anthropic:
		return x.readAnthropic, eventEnd, "\n\n"
	case Responses:
		return x.readResponses, eventEnd, "\n\n"
	case Ollama:
	}
	return x.readOllama, lineEnd, "\n"
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
func (x *exchange) readOllama(line []byte) ([]byte, bool, error) {
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
			x.countIn(line)
			return line, true, nil
		}
	}
	x.produced++
	return line, false, nil
}

// readOpenAI reads an event. The usage that we ask for is shown to those who asked for it themselves.
func (x *exchange) readOpenAI(unit []byte) ([]byte, bool, error) {
	switch data := parseEvent(unit).data; {
	case bytes.HasPrefix(data, []byte(`{"error":`)):
		return nil, false, ollama.ModelError(ollama.ErrorText(data))
	case bytes.HasPrefix(data, []byte("[DONE]")):
		return unit, true, nil
	case holds(data, `"choices":`, "[]"):
		x.countIn(data)
		if !x.request.wantsUsage {
			return nil, false, nil
		}
		return unit, false, nil
	case holds(data, `"finish_reason":`, "null"):
		x.produced++
	}
	if x.request.call.usageEverywhere && !x.request.wantsUsage {
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
func (x *exchange) readAnthropic(unit []byte) ([]byte, bool, error) {
	switch e := parseEvent(unit); string(e.name) {
	case "error":
		return nil, false, ollama.ModelError(ollama.ErrorText(e.data))
	case "message_stop":
		return unit, true, nil
	case "message_delta":
		x.countIn(e.data)
	case "content_block_delta":
		x.produced++
	}
	return unit, false, nil
}

// readResponses reads an event. The counts stand in the last one, which is large: it says again all that was said.
func (x *exchange) readResponses(unit []byte) ([]byte, bool, error) {
	e := parseEvent(unit)
	switch name := string(e.name); {
	case name == "response.completed", name == "response.incomplete":
		x.countResponse(responseIn(e.data))
		return unit, true, nil
	case name == "response.failed", name == "error":
		return nil, false, ollama.ModelError(failureIn(e.data))
	case bytes.HasSuffix(e.name, []byte(".delta")):
		x.produced++
	}
	x.responses.note(e)
	return unit, false, nil
}
