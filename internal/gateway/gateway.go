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

	"github.com/paddock-gate/paddock/internal/dialect"
	"github.com/paddock-gate/paddock/internal/relay"
	"github.com/paddock-gate/paddock/internal/upstream"
	"github.com/paddock-gate/paddock/internal/usage"
)

// Options are the gateway's settings.
type Options struct {
	MaxBody      int64         // of a model call, bytes
	MaxKeepAlive time.Duration // longest keep_alive that goes upstream
	StreamAlive  time.Duration // how often a waiting client of a stream is sent filler
	AllowCloud   bool          // hosted tools go upstream
}

// Gateway serves the routes.
type Gateway struct {
	upstream    *upstream.Pool
	models      *relay.Models
	relay       *relay.Relay
	publicError func(context.Context, error) *connect.Error
	options     Options
}

// New returns a gateway. publicError is that of [relay.New].
func New(
	upstream *upstream.Pool, models *relay.Models, ledger *usage.Ledger, publicError func(context.Context, error) *connect.Error, o Options,
) *Gateway {
	return &Gateway{
		upstream: upstream, models: models, relay: relay.New(upstream, ledger, publicError, o.StreamAlive), publicError: publicError, options: o,
	}
}

// answering is a handler that may fail, as long as it has answered nothing.
type answering func(w http.ResponseWriter, r *http.Request) error

// handle returns a handler that writes errors in the dialect.
func (g *Gateway) handle(d dialect.Dialect, next answering) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := next(w, r); err != nil {
			d.WriteError(w, r, g.publicError(r.Context(), err))
		}
	}
}

// model returns the handler of a model call.
func (g *Gateway) model(call *modelCall) http.HandlerFunc {
	return g.handle(call.dialect, func(w http.ResponseWriter, r *http.Request) error {
		q, err := g.admit(r, call)
		if err != nil {
			return err
		}
		return g.relay.Serve(r.Context(), w, relay.Call{
			Dialect: call.dialect, Kind: call.kind, Path: call.path, Model: q.model, Load: q.load(), Affinity: affinity(r, q),
			Stream: q.stream, Limit: q.limit, Prompt: q.prompt, Usage: q.wantsUsage, UsageEverywhere: call.usageEverywhere,
			Encode: q.encode, Reshape: call.reshape,
		})
	})
}

// HeldBody is a request's body that was read before the gateway has it, which takes others for empty.
type HeldBody interface {
	io.ReadCloser
	Bytes() []byte // which nobody may write to
}

// admit reads a request and checks it.
func (g *Gateway) admit(r *http.Request, call *modelCall) (*request, error) {
	var body []byte
	if held, ok := r.Body.(HeldBody); ok { // else it is empty
		body = held.Bytes()
	}
	q, err := decode(call, body, g.options)
	if err != nil {
		return nil, err
	}
	return q, g.models.Admit(r.Context(), q.model)
}
