// Package door guards every RPC, whatever the protocol, and every route of the gateway. Before a request's body is read it decides
// who the caller is, whether they may make the call, and whether they may make it now: interceptors would come too late, after
// the body has been decoded. Then it reads the body, within bounds of size, time and memory.
package door

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/auth"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/convert"
	"github.com/paddock-gate/paddock/internal/ops"
	"github.com/paddock-gate/paddock/internal/rpc"
)

// Door guards endpoints.
type Door struct {
	Auth    *auth.Service
	Log     *audit.Log
	Noise   *audit.Noise
	Limit   *Limiter
	Calls   *Calls
	Bodies  *Bodies
	Streams *Streams
}

// Endpoint is what a Door needs to know of an RPC or a route of the gateway.
type Endpoint struct {
	Method
	MaxBody int64 // bytes
	Growth  int   // how many times as much memory as its bytes a body takes once it is decoded; 0 means 1
	Limited bool  // calls count against the caller's rate limit
	Basic   bool  // an API key may come in HTTP Basic
	// Refuse writes an error in terms of the endpoint's clients.
	Refuse func(w http.ResponseWriter, r *http.Request, err *connect.Error)
	// CheckFraming returns an error if what surrounds the message makes no sense. It may be nil.
	CheckFraming func(r *http.Request) error
}

// Guard returns a handler that calls next with the requests that may pass, their bodies read.
func (d *Door) Guard(e Endpoint, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ops.OnPanic(r.Context(), e.Refuse)
		w.Header().Set("Cache-Control", "no-store")
		room := d.Bodies.of(caller.From(r.Context()))
		defer room.free()
		body, err := d.admit(w, r, e, room)
		if err != nil {
			e.Refuse(w, r, rpc.PublicError(r.Context(), err))
			return
		}
		defer d.Calls.end()
		ctx := r.Context()
		if e.Streams && !e.public() {
			c := caller.From(ctx)
			defer d.Streams.end(c.UserID)
			watched, stop := d.Auth.Watch(ctx, c, rolesFor(e.Rule.GetLevel())...)
			defer stop()
			ctx = watched
		}
		r = r.WithContext(ctx)
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

// admit checks the caller and returns the body. Without an error, a call has begun, and a stream if the endpoint streams.
func (d *Door) admit(w http.ResponseWriter, r *http.Request, e Endpoint, room *room) (io.ReadCloser, error) {
	ctx := r.Context()
	c := caller.From(ctx)
	if d.Calls.Refused() {
		return nil, ErrDraining
	}
	if !e.public() {
		if err := d.check(ctx, w.Header(), r.Header, e, c); err != nil {
			return nil, err
		}
	}
	checked := time.Now()
	if e.CheckFraming != nil {
		if err := e.CheckFraming(r); err != nil {
			return nil, err
		}
	}
	body, err := readBody(w, r, e, room)
	if err != nil {
		return nil, err
	}
	if !e.public() && time.Since(checked) > recheckAfter {
		again := e
		again.Limited = false // the call has been counted
		if err := d.check(ctx, http.Header{}, r.Header, again, c); err != nil {
			return nil, err
		}
	}
	if !d.Calls.begin() {
		return nil, ErrDraining
	}
	if e.Streams && !e.public() {
		if err := d.Streams.begin(c.UserID); err != nil {
			d.Calls.end()
			return nil, err
		}
	}
	return body, nil
}

// recheckAfter is how old a check of the caller may be when the call begins. A body can take longer to read, and a caller who has
// lost their rights meanwhile must not use them.
const recheckAfter = 100 * time.Millisecond

// check identifies the caller and returns an error if they may not pass.
func (d *Door) check(ctx context.Context, answer, request http.Header, e Endpoint, c *caller.Caller) error {
	if err := d.Auth.Identify(ctx, request, e.Basic, c); err != nil {
		if errors.Is(err, convert.ErrUnauthenticated) {
			d.Noise.Add(ctx, audit.Event{Type: audit.AccessDenied, Outcome: audit.Denied, Detail: e.Name + ": no valid credential"})
		}
		return err
	}
	if e.Limited {
		if err := d.Limit.take(ctx, c, answer); err != nil {
			return err
		}
	}
	refusal := e.allows(c)
	if refusal == nil {
		return nil
	}
	if !e.Limited { // refusals always count, since each is an audit entry
		if err := d.Limit.take(ctx, c, answer); err != nil {
			return err
		}
	}
	err := d.Log.Record(ctx, audit.Event{Type: audit.AccessDenied, Outcome: audit.Denied, Detail: e.Name + ": " + refusal.Message()})
	if err != nil {
		return err
	}
	return refusal
}
