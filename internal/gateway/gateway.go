// Package gateway serves stock Ollama, OpenAI and Anthropic clients: the routes of an Ollama server that callers may use,
// and no others, in the client's own dialect. Requests are taken apart, checked and written anew; answers are relayed as
// they come. Read the table of routes first, then call.
package gateway

import (
	"context"
	"io"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/fault"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/usage"
)

// Gateway serves the routes.
type Gateway struct {
	upstream *ollama.Client
	ledger   *usage.Ledger
	tell     func(context.Context, error) *connect.Error
}

// New returns a gateway. tell turns any error into what the caller may know of it; that a call was cancelled, and by
// nobody else than its client, is connect.CodeCanceled.
func New(upstream *ollama.Client, ledger *usage.Ledger, tell func(context.Context, error) *connect.Error) *Gateway {
	return &Gateway{upstream: upstream, ledger: ledger, tell: tell}
}

// answering is a handler that may fail, as long as it has answered nothing.
type answering func(w http.ResponseWriter, r *http.Request) error

// handle makes a handler that tells errors in the dialect.
func (g *Gateway) handle(d Dialect, next answering) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := next(w, r); err != nil {
			WriteError(w, r, d, g.tell(r.Context(), err))
		}
	}
}

// model makes the handler of a model call: check, reserve, relay, settle.
func (g *Gateway) model(call *modelCall) http.HandlerFunc {
	return g.handle(call.dialect, func(w http.ResponseWriter, r *http.Request) error {
		began := time.Now()
		q, err := g.admit(r, call)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		reservation, err := g.ledger.Reserve(ctx, usage.Call{
			Kind: call.kind, Model: q.model, PromptTokens: usage.Estimate(q.text), MaxTokens: q.limit,
		})
		if err != nil {
			return err
		}
		x := &exchange{
			ctx: ctx, cancel: cancel, w: w, gateway: g, request: q, reservation: reservation,
			flusher: http.NewResponseController(w), outcome: usage.Failed,
		}
		defer func() { reservation.Settle(ctx, x.cost(time.Since(began))) }()
		err = x.run()
		if body, ok := r.Body.(HeldBody); ok && x.body.Free() {
			body.Reuse() // of which x.body has parts
		}
		return err
	})
}

// HeldBody is a request's body that was read before the gateway has it, which takes others for empty.
type HeldBody interface {
	io.ReadCloser
	Bytes() []byte
	Reuse() // its memory, at whose bytes nobody may look from now on
}

// admit reads a request and checks it.
func (g *Gateway) admit(r *http.Request, call *modelCall) (*request, error) {
	var body []byte
	if held, ok := r.Body.(HeldBody); ok { // else it is empty
		body = held.Bytes()
	}
	q, err := decode(call, body)
	if err != nil {
		return nil, err
	}
	if !caller.From(r.Context()).MayUse(q.model) {
		return nil, fault.ErrModelNotAllowed
	}
	return q, nil
}
