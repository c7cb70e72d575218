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
	// maxUnit bounds a line or an event. The last line of generate may hold a context of 131,072 numbers.
	maxUnit = 1 << 20
	// drainTime is how long the end of an answer is waited for that has said all.
	drainTime = 50 * time.Millisecond
)

// stream relays a stream as it comes, by whole lines or events.
func (x *exchange) stream(answer *ollama.Answer) error {
	see, separator := x.reader()
	buf := make([]byte, 0, firstBuffer)
	for {
		if len(buf) == cap(buf) {
			if len(buf) >= maxUnit {
				return x.breakOff(ollama.ErrNonsense)
			}
			buf = slices.Grow(buf, len(buf))
		}
		n, failed := answer.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		out, rest, over, err := relay(buf, separator, see)
		if len(out) > 0 && !x.send(answer.ContentType, out) {
			return nil
		}
		switch {
		case err != nil:
			return x.breakOff(err)
		case over:
			x.outcome = usage.OK
			x.drain(answer)
			return nil
		case errors.Is(failed, io.EOF):
			return x.breakOff(ollama.ErrUnfinished)
		case failed != nil:
			return x.breakOff(failed)
		}
		buf = append(buf[:0], rest...)
	}
}

// relay takes the whole units off the front of buf. What is to be sent of them it moves together in their place.
func relay(buf []byte, separator string, see reader) (out, rest []byte, over bool, err error) {
	out, rest = buf[:0], buf
	for !over && err == nil {
		end := bytes.Index(rest, []byte(separator))
		if end < 0 {
			break
		}
		end += len(separator)
		var seen []byte
		seen, over, err = see(rest[:end])
		out = append(out, seen...)
		rest = rest[end:]
	}
	return out, rest, over, err
}

// send sends what has come on to the client at once, and tells whether it could.
func (x *exchange) send(contentType string, b []byte) bool {
	if !x.begun {
		x.begun = true
		x.w.Header().Set("Content-Type", contentType)
		x.w.Header().Set("X-Accel-Buffering", "no") // nginx would hold pieces back
	}
	x.reservation.Produced(x.produced)
	if _, _ = x.Write(b); !x.gone && x.flusher.Flush() != nil {
		x.gone, x.outcome = true, usage.Aborted
	}
	return !x.gone
}

// breakOff ends a stream that cannot go on, as an error in its dialect, if it has begun.
func (x *exchange) breakOff(err error) error {
	if !x.begun {
		return err
	}
	told := x.gateway.tell(x.ctx, err)
	_, _ = x.w.Write(x.request.call.dialect.errorEvent(x.ctx, told))
	return nil
}

// drain reads the end of an answer, so that its connection can be used again.
func (x *exchange) drain(answer *ollama.Answer) {
	timer := time.AfterFunc(drainTime, x.cancel)
	defer timer.Stop()
	_, _ = io.CopyN(io.Discard, answer, 4<<10)
}

// reader looks at a line or an event, separator included. It gives what the client shall see of it, and whether it is
// the last one. What it gives may be a part of unit.
type reader func(unit []byte) (seen []byte, over bool, err error)

// reader is that of the dialect, with the separator of its units.
func (x *exchange) reader() (reader, string) {
	switch x.request.call.dialect {
	case OpenAI:
		return x.seeOpenAI, "\n\n"
	case Anthropic:
		return x.seeAnthropic, "\n\n"
	case Ollama:
	}
	return x.seeOllama, "\n"
}

// holds tells whether a unit holds a key, which is quoted and has its colon, of a value that begins so, at any depth. Not
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

var blank = []byte(" ")

// seeOllama reads a line. It decodes none but those that may be the last: the others it need not understand.
func (x *exchange) seeOllama(line []byte) ([]byte, bool, error) {
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

// seeOpenAI reads an event. The usage that we ask for is shown to those who asked for it themselves.
func (x *exchange) seeOpenAI(event []byte) ([]byte, bool, error) {
	switch {
	case bytes.HasPrefix(event, []byte(`data: {"error":`)):
		return nil, false, ollama.ModelError(upstreamMessage(event[len("data: "):]))
	case bytes.HasPrefix(event, []byte("data: [DONE]")):
		return event, true, nil
	case holds(event, `"choices":`, "[]"):
		x.countIn(event)
		if !x.request.wantsUsage {
			return nil, false, nil
		}
		return event, false, nil
	case holds(event, `"finish_reason":`, "null"):
		x.produced++
	}
	if x.request.call.usageEverywhere && !x.request.wantsUsage {
		event = withoutUsage(event)
	}
	return event, false, nil
}

// withoutUsage cuts the usage off that ends a chunk of /v1/completions.
func withoutUsage(event []byte) []byte {
	const end = "}}\n\n"
	at := bytes.LastIndex(event, []byte(`,"usage":{`))
	if at < 0 || !bytes.HasSuffix(event, []byte(end)) {
		return event
	}
	return append(event[:at], end[1:]...)
}

// seeAnthropic reads an event.
func (x *exchange) seeAnthropic(event []byte) ([]byte, bool, error) {
	switch {
	case bytes.HasPrefix(event, []byte("event: error\n")):
		_, data, _ := bytes.Cut(event, []byte("\ndata: "))
		return nil, false, ollama.ModelError(upstreamMessage(data))
	case bytes.HasPrefix(event, []byte("event: message_stop\n")):
		return event, true, nil
	case bytes.HasPrefix(event, []byte("event: message_delta\n")):
		x.countIn(event)
	case bytes.HasPrefix(event, []byte("event: content_block_delta\n")):
		x.produced++
	}
	return event, false, nil
}
