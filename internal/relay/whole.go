package relay

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/paddock-gate/paddock/internal/dialect"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/usage"
)

const (
	// maxKept is how much of an answer is kept back until it is complete. A larger one, of embeddings by the batch, is
	// relayed as it comes; when it then breaks off, so does the client's connection.
	maxKept = 256 << 10
	// maxWhole bounds an answer, so that an upstream cannot go on for ever: 2,048 vectors of 4,096 dimensions are some 96 MiB of
	// JSON.
	maxWhole = 1 << 30
)

// whole relays an answer that is not streamed. The model has done all of its work for it by then, so that its counts are
// wanted even if the client has gone.
func (x *exchange) whole(answer *ollama.Answer) error {
	var kept bytes.Buffer
	switch _, err := io.CopyN(&kept, answer, maxKept); {
	case errors.Is(err, io.EOF):
		return x.complete(answer.ContentType, kept.Bytes())
	case err != nil:
		return err
	case x.call.Reshape != nil:
		return ollama.ErrNonsense
	}
	x.w.Header().Set("Content-Type", answer.ContentType)
	found := dialect.NewTally(x.call.Dialect)
	out := io.MultiWriter(found, &x.client)
	const most = maxWhole - maxKept
	_, _ = out.Write(kept.Bytes()) // neither of them fails
	// What was kept is the buffer for the rest: a large one saves system calls.
	rest, err := io.CopyBuffer(out, io.LimitReader(answer, most), kept.Bytes())
	prompt, completion, size := found.Counts()
	x.meter.Received = int64(size)
	if err != nil || rest == most {
		if prompt+completion > 0 {
			x.meter.Count(prompt, completion)
		}
		if x.ctx.Err() != nil {
			x.meter.Outcome = usage.Aborted
		}
		x.note(cmp.Or(err, error(ollama.ErrNonsense)))
		panic(http.ErrAbortHandler) // the one way to tell the client
	}
	if !x.meter.Count(prompt, completion) && x.call.Kind != usage.Embed { // whose vectors are no tokens
		x.meter.Produced = usage.Estimate(size)
	}
	x.meter.Outcome = usage.OK
	if x.gone {
		x.meter.Outcome = usage.Aborted
	}
	return nil
}

// complete answers with what is all there, unless an upstream or a proxy before it has lost some: it must be JSON.
func (x *exchange) complete(contentType string, body []byte) error {
	if !json.Valid(body) {
		return ollama.ErrNonsense
	}
	told := body
	if reshape := x.call.Reshape; reshape != nil {
		var err error
		if told, err = reshape(body); err != nil {
			return err
		}
	}
	if x.remarked {
		x.remark(body)
	}
	x.meter.Outcome, x.meter.Received = usage.OK, int64(len(body))
	if !x.meter.Count(x.call.Dialect.Counts(body)) {
		size, unfinished := dialect.Said(body)
		x.meter.Produced = usage.Estimate(size)
		if unfinished {
			x.meter.Outcome = usage.Failed
			x.note(ollama.ErrUnfinished)
		}
	}
	x.w.Header().Set("Content-Type", contentType)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(told)))
	if _, _ = x.Write(told); x.gone || x.ctx.Err() != nil {
		x.meter.Outcome = usage.Aborted
	}
	return nil
}
