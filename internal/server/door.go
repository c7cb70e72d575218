package server

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

// door stands in front of every RPC, whatever the protocol, and of every route of the gateway. It decides before the body is
// read who is asking, whether they may, and whether they may now. Interceptors would come too late, after the body has been
// decoded.
type door struct {
	auth    *auth.Service
	log     *audit.Log
	noise   *audit.Noise
	limit   *limiter
	calls   *calls
	bodies  *bodies
	streams *streams
}

// entrance is what the door guards, and how those are answered who may not pass.
type entrance struct {
	method
	maxBody int64 // bytes
	growth  int   // how many times as much memory as its bytes a body takes once it is decoded; 0: none
	limited bool  // calls count against the caller's rate limit
	basic   bool  // an API key may come in HTTP Basic
	refuse  func(w http.ResponseWriter, r *http.Request, told *connect.Error)
	// checkFraming refuses what makes no sense around the message; nil: all does.
	checkFraming func(r *http.Request) error
}

// guard lets through to next what the entrance's access rule admits.
func (d *door) guard(e entrance, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ops.OnPanic(r.Context(), e.refuse)
		w.Header().Set("Cache-Control", "no-store")
		room := d.bodies.of(caller.From(r.Context()))
		defer room.free()
		body, err := d.admit(w, r, e, room)
		if err != nil {
			e.refuse(w, r, rpc.PublicError(r.Context(), err))
			return
		}
		defer d.calls.end()
		ctx := r.Context()
		if e.streams && e.rule.GetLevel() != paddockv1.AccessRule_LEVEL_PUBLIC {
			c := caller.From(ctx)
			defer d.streams.end(c.UserID)
			watched, stop := d.auth.Watch(ctx, c, rolesFor(e.rule.GetLevel())...)
			defer stop()
			ctx = watched
		}
		r = r.WithContext(ctx)
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

// admit checks the caller and reads the body. Without an error, a call has begun, and a stream if it is one.
func (d *door) admit(w http.ResponseWriter, r *http.Request, e entrance, room *room) (io.ReadCloser, error) {
	ctx := r.Context()
	c := caller.From(ctx)
	if d.calls.draining() {
		return nil, errDraining
	}
	public := e.rule.GetLevel() == paddockv1.AccessRule_LEVEL_PUBLIC
	if !public {
		if err := d.check(ctx, w.Header(), r.Header, e, c); err != nil {
			return nil, err
		}
	}
	checked := time.Now()
	if e.checkFraming != nil {
		if err := e.checkFraming(r); err != nil {
			return nil, err
		}
	}
	body, err := readBody(w, r, e, room)
	if err != nil {
		return nil, err
	}
	if !public && time.Since(checked) > checkHolds {
		again := e
		again.limited = false // it was counted
		if err := d.check(ctx, http.Header{}, r.Header, again, c); err != nil {
			return nil, err
		}
	}
	if !d.calls.begin() {
		return nil, errDraining
	}
	if e.streams && !public {
		if err := d.streams.begin(c.UserID); err != nil {
			d.calls.end()
			return nil, err
		}
	}
	return body, nil
}

// checkHolds is how old a verdict on the caller may be when the call begins. A body can take longer to come, and whoever
// has lost their rights meanwhile must not use them.
const checkHolds = 100 * time.Millisecond

// check fills in who the caller is and returns why they may not pass, if so.
func (d *door) check(ctx context.Context, answer, request http.Header, e entrance, c *caller.Caller) error {
	if err := d.auth.Identify(ctx, request, e.basic, c); err != nil {
		if errors.Is(err, auth.ErrUnauthenticated) {
			d.noise.Add(ctx, audit.Event{Type: audit.AccessDenied, Outcome: audit.Denied, Detail: e.name + ": no valid credential"})
		}
		return err
	}
	if e.limited {
		if err := d.limit.take(ctx, c, answer); err != nil {
			return err
		}
	}
	refusal := e.admit(c)
	if refusal == nil {
		return nil
	}
	if !e.limited { // what is refused is always limited, for each refusal is an entry
		if err := d.limit.take(ctx, c, answer); err != nil {
			return err
		}
	}
	err := d.log.Record(ctx, audit.Event{Type: audit.AccessDenied, Outcome: audit.Denied, Detail: e.name + ": " + refusal.Message()})
	if err != nil {
		return err
	}
	return refusal
}
