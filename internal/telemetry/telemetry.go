// Package telemetry is what is noted of a call while it is served, for its line in the log, for the metrics and for its spans.
//
// Spans begin inside the span of a call. Of a call that is not traced there are none, and beginning one allocates nothing. They hold
// what the house names itself, such as routes, models, servers and tables: no content, no credential and no e-mail address.
package telemetry

import (
	"context"
	"time"
)

// Call is what is noted of a call. Only the goroutine that serves it may use it.
type Call struct {
	Began      time.Time
	Model      string        // canonical name; empty until a model is asked for
	Upstream   string        // the server that was asked last; empty until one is
	Queued     time.Duration // waits for a turn, all together
	FirstToken time.Duration // from Began to the first part of a streamed answer; 0: none came

	Outcome                        string // how the model call was settled; empty if it was not
	PromptTokens, CompletionTokens int64  // as they were charged

	// GenAI: model calls have spans in terms of the conventions for generative AI. They alone have the fields below.
	GenAI         bool
	ResponseModel string // as the answer names it
	FinishReason  string
}

// Token notes that a part of a streamed answer has come.
func (c *Call) Token() {
	if c.FirstToken == 0 {
		c.FirstToken = time.Since(c.Began)
	}
}

func (c *Call) noted() *Call { return c }

// Carrier is a Call, or a struct that has one embedded.
type Carrier interface{ noted() *Call }

type key struct{}

// With returns a context with a carrier.
func With(ctx context.Context, c Carrier) context.Context { return context.WithValue(ctx, key{}, c) }

// CarrierFrom returns the context's carrier, or nil.
func CarrierFrom(ctx context.Context) Carrier {
	c, _ := ctx.Value(key{}).(Carrier)
	return c
}

// From returns the context's Call, or one that nobody reads.
func From(ctx context.Context) *Call {
	if c := CarrierFrom(ctx); c != nil {
		return c.noted()
	}
	return new(Call)
}
