// Package relay makes model calls of the upstreams for callers, whoever asked: it says which models they may use, reserves what a
// call may cost, relays the answer to a client of a stock route, and settles what it did cost.
package relay

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/dialect"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/telemetry"
	"github.com/paddock-gate/paddock/internal/upstream"
	"github.com/paddock-gate/paddock/internal/usage"
)

// Relay makes model calls.
type Relay struct {
	upstream    *upstream.Pool
	ledger      *usage.Ledger
	publicError func(context.Context, error) *connect.Error
	every       time.Duration
}

// New returns a relay to the upstreams. publicError converts an error to the one that the client is shown, and notes it for the
// log; that a call was cancelled, and by nobody else than its client, is connect.CodeCanceled. A client that waits for a stream is
// sent filler that often.
func New(
	upstream *upstream.Pool, ledger *usage.Ledger, publicError func(context.Context, error) *connect.Error, every time.Duration,
) *Relay {
	return &Relay{upstream: upstream, ledger: ledger, publicError: publicError, every: every}
}

// Call is a model call that was admitted, as far as relaying it goes.
type Call struct {
	Dialect  dialect.Dialect
	Kind     usage.Kind
	Path     string // at the upstream
	Model    string // canonical name
	Load     ollama.Load
	Affinity uint64
	Stream   bool
	Limit    int64 // most tokens that the client asks for; 0: none
	Prompt   Prompt
	// Usage: the client asked for the usage of an OpenAI stream. UsageEverywhere: each of its chunks carries one.
	Usage, UsageEverywhere bool
	// Encode returns the request with a limit for the answer's tokens; 0 is none.
	Encode func(limit int64) *ollama.Body
	// Reshape makes the client's answer of the upstream's; nil leaves it as it is.
	Reshape func(answer []byte) ([]byte, error)
}

// Operation returns what the conventions for generative AI call a kind of call.
func Operation(k usage.Kind) string {
	switch k {
	case usage.Generate:
		return telemetry.TextCompletion
	case usage.Embed:
		return telemetry.Embeddings
	case usage.Chat:
	}
	return telemetry.Chat
}

// Serve makes the call and answers it. Its error is still to be shown to the client.
func (r *Relay) Serve(ctx context.Context, w http.ResponseWriter, call Call) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx, span := telemetry.StartModel(ctx, Operation(call.Kind), call.Model)
	defer span.Finish()
	reservation, err := r.ledger.Reserve(ctx, usage.Call{
		Kind: call.Kind, Model: call.Model, PromptTokens: usage.Estimate(call.Prompt.Text), MaxTokens: call.Limit,
	})
	if err != nil {
		return err
	}
	x := &exchange{
		client: client{w: w, flusher: http.NewResponseController(w), leave: cancel, filler: call.Dialect.Filler(), every: r.every},
		Relay:  r, ctx: ctx, cancel: cancel, call: call, reservation: reservation, noted: telemetry.From(ctx), remarked: span.IsRecording(),
		meter:  NewMeter(call.Kind, call.Prompt, reservation.MaxTokens()),
		answer: dialect.Stream{Dialect: call.Dialect, Usage: call.Usage, UsageEverywhere: call.UsageEverywhere},
	}
	defer func() { reservation.Settle(ctx, x.meter.Cost()) }()
	return x.run()
}
