package relay

import (
	"cmp"
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
	buf := make([]byte, 0, firstBuffer)
	unsent := false // the client was not sent the last part
	for {
		if len(buf) == cap(buf) {
			if len(buf) >= maxUnit {
				return ollama.ErrNonsense
			}
			buf = slices.Grow(buf, len(buf))
		}
		n, failed := answer.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		x.meter.Received += int64(n)
		out, rest, over, err := x.units(buf)
		if !over && err == nil && errors.Is(failed, io.EOF) {
			if last, ok := x.answer.Whole(rest); ok { // but for its end
				last, over, err = x.answer.Read(last)
				out = append(out, last...)
			}
		}
		if x.answer.Counted {
			x.meter.Count(x.answer.Prompt, x.answer.Completion)
		}
		if len(out) > 0 {
			x.noted.Token()
			x.meter.Produced = x.answer.Produced
			x.reservation.Produced(x.meter.Produced)
			unsent = x.ctx.Err() != nil || !x.send(answer.ContentType, out) // then what was read ahead still counts
		}
		switch {
		case over && !unsent:
			x.meter.Outcome = usage.OK
			x.drain(answer)
			return nil
		case over, err != nil, failed != nil:
			return x.brokenOff(cmp.Or(err, failed))
		}
		buf = append(buf[:0], rest...)
	}
}

// brokenOff returns why a stream has not been sent to its end; err is what reading it has ended with.
func (x *exchange) brokenOff(err error) error {
	switch {
	case x.ctx.Err() != nil:
		return x.ctx.Err()
	case errors.Is(err, ollama.ErrUnread):
		x.meter.Outcome = usage.Aborted
	case errors.Is(err, io.EOF):
		return ollama.ErrUnfinished
	}
	return err
}

// units takes the whole units off the front of buf. What is to be sent of them it moves together in their place.
func (x *exchange) units(buf []byte) (out, rest []byte, over bool, err error) {
	out, rest = buf[:0], buf
	for !over && err == nil {
		n := x.answer.End(rest)
		if n == 0 {
			break
		}
		if x.remarked {
			x.remark(rest[:n])
		}
		var shown []byte
		shown, over, err = x.answer.Read(rest[:n])
		out = append(out, shown...)
		rest = rest[n:]
	}
	return out, rest, over, err
}

// drain reads the end of an answer, so that its connection can be used again.
func (x *exchange) drain(answer *ollama.Answer) {
	timer := time.AfterFunc(drainTime, x.cancel)
	defer timer.Stop()
	_, _ = io.CopyN(io.Discard, answer, 4<<10)
}
