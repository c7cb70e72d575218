package gateway

import (
	"bytes"
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

	begun    bool  // something has gone to the client
	produced int64 // completion tokens so far, a piece counted as one
	counts   counts
	outcome  usage.Outcome
}

// run calls the upstream and relays its answer. It fails as long as nothing has gone to the client.
func (x *exchange) run() error {
	q := x.request
	answer, err := x.gateway.upstream.Relay(x.ctx, ollama.Relay{
		Turn:  ollama.Turn{User: caller.From(x.ctx).UserID.String(), Batch: q.call.kind == usage.Embed},
		Path:  q.call.path,
		Model: q.model,
		Body:  q.encode(x.reservation.MaxTokens()),
	})
	if err != nil {
		return x.noteEnd(err)
	}
	defer answer.Close()
	switch {
	case answer.Status != http.StatusOK:
		err = passRefusal(x.ctx, x.w, q.call.dialect, answer)
	case isJSON(answer):
		err = x.whole(answer)
	case answer.ContentType == "application/x-ndjson", answer.ContentType == "text/event-stream":
		err = x.stream(answer)
	default:
		err = errNonsense
	}
	return x.noteEnd(err)
}

func isJSON(answer *ollama.Answer) bool {
	kind, _, _ := strings.Cut(answer.ContentType, ";")
	return kind == "application/json"
}

// noteEnd tells an aborted call from a failed one.
func (x *exchange) noteEnd(err error) error {
	if x.ctx.Err() != nil && x.outcome == usage.Failed {
		x.outcome = usage.Aborted
	}
	return err
}

// cost is what the call did cost: as the upstream counted, or what came of the answer and the prompt behind it.
func (x *exchange) cost(total time.Duration) usage.Cost {
	c := usage.Cost{Outcome: x.outcome, Total: total}
	switch {
	case x.counts.known:
		c.Exact, c.PromptTokens, c.CompletionTokens = true, x.counts.prompt, x.counts.completion
	case x.produced > 0 || x.outcome == usage.OK:
		c.PromptTokens, c.CompletionTokens = usage.Estimate(x.request.text), x.produced
	}
	return c
}

// counts are what the upstream says that a call has cost.
type counts struct {
	known              bool
	prompt, completion int64
}

// lastCount finds a number in the last object that has it, by its quoted key and colon. In a JSON string a quote never
// stands without a backslash, so that what a model says is not taken for it.
func lastCount(body []byte, key string) (int64, bool) {
	at := bytes.LastIndex(body, []byte(key))
	if at < 0 {
		return 0, false
	}
	n := int64(0)
	for _, c := range body[at+len(key):] {
		if c < '0' || c > '9' || n > 1<<40 {
			break
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// countKeys are the upstream's names for its counts.
var countKeys = [...]struct{ prompt, completion string }{
	Ollama:    {`"prompt_eval_count":`, `"eval_count":`},
	OpenAI:    {`"prompt_tokens":`, `"completion_tokens":`},
	Anthropic: {`"input_tokens":`, `"output_tokens":`},
}

// count looks for the counts in the end of an answer. Ollama leaves out what is 0. When it leaves out all of a chat, it
// does not know; but a model that was given nothing has nothing to count.
func (x *exchange) count(end []byte) {
	keys := countKeys[x.request.call.dialect]
	prompt, ok := lastCount(end, keys.prompt)
	completion, more := lastCount(end, keys.completion)
	known := ok || more || x.request.call.kind == usage.Embed || !x.request.prompted
	x.counts = counts{known, prompt, completion}
}
