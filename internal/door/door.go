// Package door decides who may call what, and how much of it, before a request's body is read: for every RPC and every route of
// the stock clients. It also reads the bodies, within bounds of size, time and memory.
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
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ops"
	"github.com/paddock-gate/paddock/internal/rpc"
)

// Door stands in front of every RPC, whatever the protocol, and of every route of the gateway. It decides before the body is
// read who is asking, whether they may, and whether they may now. Interceptors would come too late, after the body has been
// decoded.
type Door struct {
	Auth    *auth.Service
	Log     *audit.Log
	Noise   *audit.Noise
	Limit   *Limiter
	Calls   *Calls
	Bodies  *Bodies
	Streams *Streams
}

// Entrance is what the door guards, and how those are answered who may not pass.
type Entrance struct {
	Method
	MaxBody int64 // bytes
	Growth  int   // how many times as much memory as its bytes a body takes once it is decoded; 0: none
	Limited bool  // calls count against the caller's rate limit
	Basic   bool  // an API key may come in HTTP Basic
	Refuse  func(w http.ResponseWriter, r *http.Request, told *connect.Error)
	// CheckFraming refuses what makes no sense around the message; nil: all does.
	CheckFraming func(r *http.Request) error
}

// Guard lets through to next what the entrance's access rule admits.
func (d *Door) Guard(e Entrance, next http.Handler) http.Handler {
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
		if e.Streams && e.Rule.GetLevel() != paddockv1.AccessRule_LEVEL_PUBLIC {
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

// admit checks the caller and reads the body. Without an error, a call has begun, and a stream if it is one.
func (d *Door) admit(w http.ResponseWriter, r *http.Request, e Entrance, room *room) (io.ReadCloser, error) {
	ctx := r.Context()
	c := caller.From(ctx)
	if d.Calls.Draining() {
		return nil, ErrDraining
	}
	public := e.Rule.GetLevel() == paddockv1.AccessRule_LEVEL_PUBLIC
	if !public {
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
	if !public && time.Since(checked) > checkHolds {
		again := e
		again.Limited = false // it was counted
		if err := d.check(ctx, http.Header{}, r.Header, again, c); err != nil {
			return nil, err
		}
	}
	if !d.Calls.begin() {
		return nil, ErrDraining
	}
	if e.Streams && !public {
		if err := d.Streams.begin(c.UserID); err != nil {
			d.Calls.end()
			return nil, err
		}
	}
	return body, nil
}

// checkHolds is how old a verdict on the caller may be when the call begins. A body can take longer to come, and whoever
// has lost their rights meanwhile must not use them.
const checkHolds = 100 * time.Millisecond

// check fills in who the caller is and returns why they may not pass, if so.
func (d *Door) check(ctx context.Context, answer, request http.Header, e Entrance, c *caller.Caller) error {
	if err := d.Auth.Identify(ctx, request, e.Basic, c); err != nil {
		if errors.Is(err, auth.ErrUnauthenticated) {
			d.Noise.Add(ctx, audit.Event{Type: audit.AccessDenied, Outcome: audit.Denied, Detail: e.Name + ": no valid credential"})
		}
		return err
	}
	if e.Limited {
		if err := d.Limit.take(ctx, c, answer); err != nil {
			return err
		}
	}
	refusal := e.admit(c)
	if refusal == nil {
		return nil
	}
	if !e.Limited { // what is refused is always limited, for each refusal is an entry
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
