package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/door"
	"github.com/paddock-gate/paddock/internal/gateway"
	"github.com/paddock-gate/paddock/internal/ops"
	"github.com/paddock-gate/paddock/internal/rpc"
)

const (
	// quickStart is how long a start may take before the port is answered. Connections that come in the meantime wait.
	quickStart = time.Second
	// startPatience is how long calls wait for the start to end after that. A load balancer that does not ask whether a server is ready, and
	// sends calls as soon as it can connect, loses none to a start that is no slower.
	startPatience = 5 * time.Second
)

// starting answers requests while the server starts.
type starting struct {
	ended chan struct{} // closed when handler is there
	then  http.Handler  // nil when the start has failed
	asRPC *connect.ErrorWriter
}

// AnswerStarting answers on the port of a server that takes long to start, because it waits for the database, say: /healthz that it
// lives, everything else that it is unavailable. The caller must call ready, once, with the handler that serves from then on, before
// another server serves on the listener; or giveUp before it closes that, which refuses the calls that wait. After ready giveUp does nothing.
func AnswerStarting(ctx context.Context, listener *net.TCPListener) (ready func(then http.Handler), giveUp func()) {
	s := &starting{ended: make(chan struct{}), asRPC: connect.NewErrorWriter(rpc.Options()...)}
	server := newHTTPServer(door.SecurityHeaders(contentSecurityPolicy, s), slog.Default())
	port := &lentListener{TCPListener: listener}
	served := make(chan struct{})
	timer := time.AfterFunc(quickStart, func() {
		defer close(served)
		_ = server.Serve(port) // it ends when the listener is taken back
	})
	var once sync.Once
	end := func(then http.Handler) (answered bool) {
		once.Do(func() {
			if timer.Stop() {
				return
			}
			port.takeBack()
			<-served
			_ = listener.SetDeadline(time.Time{})
			s.then = then
			close(s.ended)
			answered = true
		})
		return answered
	}
	ctx = context.WithoutCancel(ctx)
	ready = func(then http.Handler) {
		if end(then) {
			go server.Shutdown(ctx) //nolint:errcheck // it ends with the last of the calls that have waited
		}
	}
	giveUp = func() {
		if end(nil) {
			ctx, cancel := context.WithTimeout(ctx, closeLimit)
			defer cancel()
			_ = server.Shutdown(ctx)
		}
	}
	return ready, giveUp
}

// lentListener is a listener that one server accepts from for a while, and another one after it.
type lentListener struct {
	*net.TCPListener
	over atomic.Bool
}

func (l *lentListener) takeBack() {
	l.over.Store(true)
	_ = l.SetDeadline(time.Now()) // wakes Accept
}

// Accept fails for good when the listener is taken back.
func (l *lentListener) Accept() (net.Conn, error) {
	conn, err := l.TCPListener.Accept()
	if err != nil && l.over.Load() {
		return nil, net.ErrClosed
	}
	return conn, err
}

// Close leaves the listener open for the next server.
func (l *lentListener) Close() error { return nil }

// ServeHTTP answers probes at once, and calls when the start has ended or takes too long.
func (s *starting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close") // the next request is the other server's
	switch r.URL.Path {
	case "/healthz":
		new(ops.Health).Healthz(w, r)
		return
	case "/readyz":
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "unavailable", "checks": map[string]string{"serving": "starting"}})
		return
	}
	select {
	case <-s.ended:
		if s.then == nil {
			s.refuse(w, r)
			return
		}
		s.then.ServeHTTP(w, r)
	case <-time.After(startPatience):
		s.refuse(w, r)
	case <-r.Context().Done():
	}
}

// Continue returns the handler for calls that have come while the server started. It cancels them when Run does its own.
func (s *Server) Continue() http.Handler {
	serve := s.sendAway(s.handler)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		go func() {
			select {
			case <-s.cut:
				cancel(door.ErrDraining)
			case <-ctx.Done():
			}
		}()
		serve.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (s *starting) refuse(w http.ResponseWriter, r *http.Request) {
	unavailable := apierr.Retry(connect.CodeUnavailable, apierr.DatabaseUnavailable, "the server is starting; try again", apierr.RetryDefault)
	if s.asRPC.IsSupported(r) {
		_ = s.asRPC.Write(w, r, unavailable) // the client has gone
		return
	}
	gateway.Unavailable(w, r, unavailable)
}
