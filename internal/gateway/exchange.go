package gateway

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/usage"
)

// exchange is one admitted call on its way to the upstream and back.
type exchange struct {
	ctx         context.Context //nolint:containedctx // of this one call
	cancel      context.CancelFunc
	w           http.ResponseWriter
	flusher     *http.ResponseController
	gateway     *Gateway
	request     *request
	reservation *usage.Reservation

	body     *ollama.Body // what goes upstream
	asked    bool         // the upstream has been
	begun    bool         // something has gone to the client
	gone     bool         // the client has: it cannot be written to
	produced int64        // completion tokens so far, a piece counted as one
	counts   counts
	outcome  usage.Outcome
}

// run calls the upstream and relays its answer. It fails as long as nothing has gone to the client.
func (x *exchange) run() error {
	q := x.request
	work := newLease(x.ctx)
	defer work.end()
	x.body = q.encode(x.reservation.MaxTokens())
	answer, err := x.gateway.upstream.Relay(work.ctx, ollama.Relay{
		Turn: ollama.Turn{
			User: caller.From(x.ctx).UserID.String(), Batch: q.call.kind == usage.Embed, Begun: func() { x.asked = true },
		},
		Path:  q.call.path,
		Model: q.model,
		Body:  x.body,
		Whole: !q.stream,
	})
	if err != nil {
		return x.noteEnd(err)
	}
	defer answer.Close()
	switch kind := mediaType(answer); {
	case answer.Status != http.StatusOK:
		err = passRefusal(x.ctx, x.w, q.call.dialect, answer)
	case kind == "application/json":
		work.extend()
		err = x.whole(answer)
	case kind == "application/x-ndjson", kind == "text/event-stream":
		err = x.stream(answer)
	default:
		err = ollama.ErrNonsense
	}
	return x.noteEnd(err)
}

// mediaType is the type of an answer's content in lower case, without parameters such as a charset.
func mediaType(answer *ollama.Answer) string {
	kind, _, _ := strings.Cut(answer.ContentType, ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// noteEnd tells an aborted call from a failed one.
func (x *exchange) noteEnd(err error) error {
	if x.ctx.Err() != nil && x.outcome == usage.Failed {
		x.outcome = usage.Aborted
	}
	return err
}

// cost is what the call did cost: as the upstream counted, or what came of the answer and the prompt behind it, which a
// client that leaves has had read.
func (x *exchange) cost(total time.Duration) usage.Cost {
	c := usage.Cost{Outcome: x.outcome, Total: total}
	switch {
	case x.counts.known:
		c.Exact, c.PromptTokens, c.CompletionTokens = true, x.counts.prompt, x.counts.completion
	case x.produced > 0 || x.outcome == usage.OK || x.outcome == usage.Aborted && x.asked:
		c.PromptTokens, c.CompletionTokens = usage.Estimate(x.request.text), x.produced
	}
	return c
}

// counts are what the upstream says that a call has cost.
type counts struct {
	known              bool
	prompt, completion int64
}

// count takes what was found of the counts. Ollama leaves out what is 0, or says so in OpenAI's terms. When it says so of
// all of a call, it does not know; but a model that was given nothing has nothing to count.
func (x *exchange) count(found *tally) {
	prompt, completion := found.prompt.n, found.completion.n
	known := prompt+completion > 0 || !x.request.prompted
	x.counts = counts{known, prompt, completion}
}

// countIn looks for the counts in a part of an answer.
func (x *exchange) countIn(b []byte) {
	found := newTally(x.request.call.dialect)
	found.find(b)
	x.count(found)
}
