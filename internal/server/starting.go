package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/gateway"
	"github.com/paddock-gate/paddock/internal/ops"
	"github.com/paddock-gate/paddock/internal/rpc"
)

// quickStart is how long a start may take before the port is answered. Connections that come in the meantime wait, and are served.
const quickStart = time.Second

// AnswerStarting answers on the port of a server that takes long to start, because it waits for the database, say: /healthz that it
// lives, everything else that it is unavailable. The caller must call ready, once, before another server serves on the listener.
func AnswerStarting(ctx context.Context, listener *net.TCPListener) (ready func()) {
	server := newHTTPServer(http.HandlerFunc(starting), slog.Default())
	port := &lentListener{TCPListener: listener}
	served := make(chan struct{})
	timer := time.AfterFunc(quickStart, func() {
		defer close(served)
		_ = server.Serve(port) // it ends when the listener is taken back
	})
	return func() {
		if timer.Stop() {
			return
		}
		port.takeBack()
		<-served
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			server.Close()
		}
		_ = listener.SetDeadline(time.Time{})
	}
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

// starting answers a request while the server starts.
func starting(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close") // the next request is the other server's
	asRPC := connect.NewErrorWriter(rpc.Options()...)
	unavailable := apierr.Retry(connect.CodeUnavailable, apierr.DatabaseUnavailable, "the server is starting; try again", apierr.RetryDefault)
	switch {
	case r.URL.Path == "/healthz":
		new(ops.Health).Healthz(w, r)
	case r.URL.Path == "/readyz":
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "unavailable", "checks": map[string]string{"serving": "starting"}})
	case asRPC.IsSupported(r):
		_ = asRPC.Write(w, r, unavailable)
	default:
		gateway.Unavailable(w, r, unavailable)
	}
}
