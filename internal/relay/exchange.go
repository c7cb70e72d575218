package relay

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/dialect"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/telemetry"
	"github.com/paddock-gate/paddock/internal/upstream"
	"github.com/paddock-gate/paddock/internal/usage"
)

// exchange is one call on its way to the upstream and back.
type exchange struct {
	*Relay
	client
	ctx         context.Context //nolint:containedctx // of this one call
	cancel      context.CancelFunc
	call        Call
	reservation *usage.Reservation
	meter       Meter
	answer      dialect.Stream
	noted       *telemetry.Call
	remarked    bool // what the answer says of itself is noted
}

// run calls the upstream and relays its answer. Its error is still to be shown to the client; once something has been sent,
// run sends it itself.
func (x *exchange) run() error {
	if x.call.Stream && x.filler != "" {
		x.keepAlive()
		defer x.stop()
	}
	err := x.relay()
	x.stop()
	if x.ctx.Err() != nil && x.meter.Outcome == usage.Failed {
		x.meter.Outcome = usage.Aborted
	}
	switch {
	case err != nil && x.begun:
		told := x.publicError(x.ctx, err)
		x.sendError(dialect.StreamStatus(told), string(apierr.ReasonOf(told)), told.Message())
	case err == nil && x.meter.Outcome == usage.Aborted:
		x.note(context.Canceled)
	default:
		return err
	}
	return nil
}

// sendError sends an error in the middle of a stream.
func (x *exchange) sendError(status int, reason, message string) {
	x.send(dialect.EventStream, x.answer.Error(x.call.Dialect.ErrorBody(x.ctx, status, reason, message)))
}

// note logs how the call ended, if its client does not learn it from a status.
func (x *exchange) note(err error) { _ = x.publicError(x.ctx, err) }

func (x *exchange) relay() error {
	work := newLease(x.ctx)
	defer work.end()
	answer, err := x.upstream.Relay(work.ctx, upstream.Request{
		Turn: upstream.Turn{
			User: caller.From(x.ctx).UserID.String(), Batch: x.call.Kind == usage.Embed, Affinity: x.call.Affinity,
			Begun: func() { x.meter.Asked = true },
		},
		Path:  x.call.Path,
		Model: x.call.Model,
		Body:  x.call.Encode(x.reservation.MaxTokens()),
		Load:  x.call.Load,
		Whole: !x.call.Stream,
	})
	if err != nil {
		return err
	}
	defer answer.Close()
	switch kind := mediaType(answer); {
	case answer.Status != http.StatusOK:
		return x.passRefusal(answer)
	case kind == dialect.JSON:
		if x.stop(); x.begun { // filler, behind which it cannot stand
			return ollama.ErrNonsense
		}
		work.extend()
		return x.whole(answer)
	case kind == dialect.LineStream, kind == dialect.EventStream:
		return x.stream(answer)
	}
	return ollama.ErrNonsense
}

// remark notes what a part of the answer says of itself.
func (x *exchange) remark(part []byte) {
	model, reason := x.call.Dialect.Remark(part)
	x.noted.ResponseModel, x.noted.FinishReason = cmp.Or(model, x.noted.ResponseModel), cmp.Or(reason, x.noted.FinishReason)
}

// passRefusal passes an error of the upstream's on.
func (x *exchange) passRefusal(answer *ollama.Answer) error {
	refused, err := ReadRefusal(x.ctx, x.call.Dialect, answer)
	if err != nil {
		return err
	}
	x.stop()
	if x.begun {
		x.note(refused.Error)
		x.sendError(refused.Status, "", refused.message())
		return nil
	}
	refused.Write(x.w)
	return nil
}

// mediaType returns the type of an answer's content in lower case, without parameters such as a charset.
func mediaType(answer *ollama.Answer) string {
	kind, _, _ := strings.Cut(answer.ContentType, ";")
	return strings.ToLower(strings.TrimSpace(kind))
}
