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
	client
	ctx         context.Context //nolint:containedctx // of this one call
	cancel      context.CancelFunc
	gateway     *Gateway
	request     *request
	reservation *usage.Reservation

	asked    bool  // the upstream has been
	produced int64 // completion tokens so far, a piece counted as one
	counts   counts
	outcome  usage.Outcome

	responses responsesStream // of that dialect
}

// run calls the upstream and relays its answer. Its error is what the client is still to be told; when something has gone
// to the client already, run tells it itself.
func (x *exchange) run() error {
	if x.request.stream && x.filler != "" {
		x.keepAlive()
		defer x.stop()
	}
	err := x.relay()
	x.stop()
	if x.ctx.Err() != nil && x.outcome == usage.Failed {
		x.outcome = usage.Aborted
	}
	switch {
	case err != nil && x.begun:
		x.sendError(x.gateway.tell(x.ctx, err))
	case err == nil && x.outcome == usage.Aborted:
		x.note(context.Canceled)
	default:
		return err
	}
	return nil
}

// note has the log tell how the call ended, of which its client is not told by a status.
func (x *exchange) note(err error) { _ = x.gateway.tell(x.ctx, err) }

// Types of content.
const (
	eventStream = "text/event-stream"
	lineStream  = "application/x-ndjson"
	jsonContent = "application/json"
)

func (x *exchange) relay() error {
	q := x.request
	work := newLease(x.ctx)
	defer work.end()
	answer, err := x.gateway.upstream.Relay(work.ctx, ollama.Relay{
		Turn: ollama.Turn{
			User: caller.From(x.ctx).UserID.String(), Batch: q.call.kind == usage.Embed, Affinity: q.affinity,
			Begun: func() { x.asked = true },
		},
		Path:  q.call.path,
		Model: q.model,
		Body:  q.encode(x.reservation.MaxTokens()),
		Load:  q.load(),
		Whole: !q.stream,
	})
	if err != nil {
		return err
	}
	defer answer.Close()
	switch kind := mediaType(answer); {
	case answer.Status != http.StatusOK:
		return x.passRefusal(answer)
	case kind == jsonContent:
		if x.stop(); x.begun { // filler, behind which it cannot stand
			return ollama.ErrNonsense
		}
		work.extend()
		return x.whole(answer)
	case kind == lineStream, kind == eventStream:
		return x.stream(answer)
	}
	return ollama.ErrNonsense
}

// passRefusal passes an error of the upstream's on.
func (x *exchange) passRefusal(answer *ollama.Answer) error {
	refused, err := readRefusal(x.ctx, x.request.call.dialect, answer)
	if err != nil {
		return err
	}
	x.stop()
	if x.begun {
		x.note(refused.Error)
		x.send(eventStream, x.errorEvent(refused.Status, "", refused.message()))
		return nil
	}
	refused.write(x.w)
	return nil
}

// mediaType returns the type of an answer's content in lower case, without parameters such as a charset.
func mediaType(answer *ollama.Answer) string {
	kind, _, _ := strings.Cut(answer.ContentType, ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// cost returns what the call did cost: as the upstream counted, or what came of the answer and the prompt behind it, which a
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
