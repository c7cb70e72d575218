package server

import (
	"context"
	"errors"
	"net/http"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/auth"
	"github.com/paddock-gate/paddock/internal/caller"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// door stands in front of every RPC, whatever the protocol, and decides before the body is read who is asking, whether
// they may, and whether they may now. Interceptors would come too late, after the body has been decoded.
type door struct {
	auth    *auth.Service
	log     *audit.Log
	noise   *audit.Noise
	limit   *limiter
	calls   *calls
	streams *streams
	errors  *connect.ErrorWriter
}

// guard lets through to next what the method's access rule admits, with at most maxBody bytes of body. Calls of limited
// methods count against the caller's rate limit.
func (d *door) guard(m method, maxBody int64, limited bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		w.Header().Set("Cache-Control", "no-store")
		if !d.calls.begin() {
			d.refuse(w, r, errDraining)
			return
		}
		defer d.calls.end()
		if m.rule.GetLevel() != paddockv1.AccessRule_LEVEL_PUBLIC {
			c := caller.From(ctx)
			if err := d.check(ctx, w.Header(), r.Header, m, limited, c); err != nil {
				d.refuse(w, r, err)
				return
			}
			if m.streams {
				if err := d.streams.begin(c.UserID); err != nil {
					d.refuse(w, r, err)
					return
				}
				defer d.streams.end(c.UserID)
				watched, stop := d.auth.Watch(ctx, c, rolesFor(m.rule.GetLevel())...)
				defer stop()
				ctx = watched
			}
		}
		body, err := readBody(w, r, maxBody)
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		r = r.WithContext(ctx)
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

// check fills in who the caller is and returns why they may not pass, if so.
func (d *door) check(ctx context.Context, answer, request http.Header, m method, limited bool, c *caller.Caller) error {
	if err := d.auth.Identify(ctx, request, c); err != nil {
		if errors.Is(err, auth.ErrUnauthenticated) {
			d.noise.Add(ctx, audit.Event{Type: audit.AccessDenied, Outcome: audit.Denied, Detail: m.name() + ": no valid credential"})
		}
		return err
	}
	if limited {
		if err := d.limit.take(c.UserID, answer); err != nil {
			return err
		}
	}
	refusal := m.admit(c)
	if refusal == nil {
		return nil
	}
	if !limited { // what is refused is always limited, for each refusal is an entry
		if err := d.limit.take(c.UserID, answer); err != nil {
			return err
		}
	}
	err := d.log.Record(ctx, audit.Event{Type: audit.AccessDenied, Outcome: audit.Denied, Detail: m.name() + ": " + refusal.Message()})
	if err != nil {
		return err
	}
	return refusal
}

// refuse answers with the error in the caller's protocol.
func (d *door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	told := tell(r.Context(), err)
	note(r.Context(), told)
	_ = d.errors.Write(w, r, told) // the client has gone
}
