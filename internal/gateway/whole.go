package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/usage"
)

const (
	// maxKept is how much of an answer is kept back until it is complete. A larger one, of embeddings by the batch, is
	// relayed as it comes; when it then breaks off, so does the client's connection.
	maxKept = 256 << 10
	// maxWhole bounds an answer: 1,024 vectors of 4,096 dimensions are some 48 MiB of JSON.
	maxWhole = 64 << 20
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
	case x.request.call.reshape != nil:
		return ollama.ErrNonsense
	}
	x.begun = true
	x.w.Header().Set("Content-Type", answer.ContentType)
	found := newTally(x.request.call.dialect)
	out := io.MultiWriter(found, x)
	const most = maxWhole - maxKept
	_, _ = out.Write(kept.Bytes()) // neither of them fails
	// What was kept is the buffer for the rest: a large one saves system calls.
	rest, err := io.CopyBuffer(out, io.LimitReader(answer, most), kept.Bytes())
	if err != nil || rest == most {
		if found.prompt.n+found.completion.n > 0 {
			x.count(found)
		}
		_ = x.noteEnd(err)
		panic(http.ErrAbortHandler) // the one way to tell the client
	}
	if x.count(found); !x.counts.known && x.request.call.kind != usage.Embed { // whose vectors are no tokens
		x.produced = usage.Estimate(found.size)
	}
	if !x.gone {
		x.outcome = usage.OK
	}
	return nil
}

// complete answers with what is all there, unless an upstream or a proxy before it has lost some: it must be JSON.
func (x *exchange) complete(contentType string, body []byte) error {
	if !json.Valid(body) {
		return ollama.ErrNonsense
	}
	told := body
	if reshape := x.request.call.reshape; reshape != nil {
		var err error
		if told, err = reshape(body); err != nil {
			return err
		}
	}
	x.outcome = usage.OK
	if x.countIn(body); !x.counts.known {
		size, unfinished := saidIn(body)
		x.produced = usage.Estimate(size)
		if unfinished {
			x.outcome = usage.Failed
		}
	}
	x.w.Header().Set("Content-Type", contentType)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(told)))
	_, _ = x.Write(told)
	return nil
}

// Write writes to the client as long as it is there. It never fails.
func (x *exchange) Write(p []byte) (int, error) {
	if x.gone {
		return len(p), nil
	}
	if _, err := x.w.Write(p); err != nil {
		x.gone, x.outcome = true, usage.Aborted
	}
	return len(p), nil
}
