package gateway

import (
	"bytes"
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
	// tailSize is how much of the end of a large answer is looked at for its counts.
	tailSize = 512
)

// whole relays an answer that is not streamed.
func (x *exchange) whole(answer *ollama.Answer) error {
	var kept bytes.Buffer
	switch _, err := io.CopyN(&kept, answer, maxKept); {
	case errors.Is(err, io.EOF):
		return x.complete(answer.ContentType, kept.Bytes())
	case err != nil:
		return err
	case x.request.call.reshape != nil:
		return errNonsense
	}
	x.begun = true
	x.w.Header().Set("Content-Type", answer.ContentType)
	end := &tail{}
	all, err := io.Copy(x, io.TeeReader(io.LimitReader(io.MultiReader(&kept, answer), maxWhole), end))
	if err != nil || all == maxWhole {
		_ = x.noteEnd(err)
		panic(http.ErrAbortHandler) // the one way to tell the client
	}
	x.finish(end.last)
	return nil
}

// complete answers with what is all there.
func (x *exchange) complete(contentType string, body []byte) error {
	end := body
	if x.request.call.kind == usage.Embed {
		end = body[max(0, len(body)-tailSize):]
	}
	if reshape := x.request.call.reshape; reshape != nil {
		var err error
		if body, err = reshape(body); err != nil {
			return err
		}
	}
	x.w.Header().Set("Content-Type", contentType)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if _, err := x.Write(body); err == nil {
		x.finish(end)
	}
	return nil
}

// finish notes what a complete answer has cost, which its end tells.
func (x *exchange) finish(end []byte) {
	x.outcome = usage.OK
	x.count(end)
	if !x.counts.known {
		x.produced = usage.Estimate(len(end))
	}
}

// Write writes to the client, and notes when that fails.
func (x *exchange) Write(p []byte) (int, error) {
	n, err := x.w.Write(p)
	if err != nil {
		x.outcome = usage.Aborted
	}
	return n, err
}

// tail keeps the end of what is written to it.
type tail struct{ last []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.last = append(t.last, p[max(0, len(p)-tailSize):]...)
	t.last = t.last[max(0, len(t.last)-tailSize):]
	return len(p), nil
}
