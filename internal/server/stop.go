package server

import (
	"context"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/paddock-gate/paddock/internal/door"
)

// closeLimit is how long connections on which no call runs may take to end: clients read the rest of their responses, or do not.
var closeLimit = 2 * time.Second

// sendAway returns a handler that has clients of a stopping server come again on another connection. For the header that it sets
// net/http closes a connection of HTTP/1.1 after the response, and sends GOAWAY on one of HTTP/2, whose streams go on. GOAWAY is for
// when the port is closed: it turns down calls that are on their way, which some proxies cannot send again.
func (s *Server) sendAway(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() || s.stopping.Load() && r.ProtoMajor < 2 {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// stop ends a server without losing a call that ends in time. Not ready any more, it serves as before for SHUTDOWN_DELAY, until no load
// balancer sends anything. Then nobody can connect, and what runs may end until DRAIN_TIMEOUT is over, when cut cancels the rest.
func (s *Server) stop(ctx context.Context, server *http.Server, listener net.Listener, cut context.CancelCauseFunc) error {
	s.stopping.Store(true)
	s.log.Info("shutting down", "delay", s.config.ShutdownDelay.String(), "limit", s.config.DrainTimeout.String())
	<-time.After(s.config.ShutdownDelay)
	closePort(listener) // server.Shutdown would close idle connections, too, on which a call may be under way
	s.draining.Store(true)
	draining, cancel := context.WithTimeout(ctx, s.config.DrainTimeout)
	defer cancel()
	select {
	case <-s.calls.Idle():
	case <-draining.Done():
	}
	err := s.closeIdle(draining, server)
	if err != nil && draining.Err() != nil {
		s.calls.Refuse()
		cut(door.ErrDraining)
		closing, cancel := context.WithTimeout(ctx, closeLimit)
		defer cancel()
		err = server.Shutdown(closing)
	}
	if err != nil {
		s.log.Warn("connections cut off", "error", err)
		return server.Close()
	}
	return nil
}

// closeIdle closes connections as they become idle. It fails when ctx ends, and when connections are left that bring no call.
func (s *Server) closeIdle(ctx context.Context, server *http.Server) error {
	for {
		closing, cancel := context.WithTimeout(ctx, closeLimit)
		err := server.Shutdown(closing)
		cancel()
		if err == nil || ctx.Err() != nil || s.calls.Running() == 0 {
			return err
		}
	}
}

// acceptLimit is how long connections may take to be accepted that came before the port was closed.
const acceptLimit = time.Second

// closePort closes the listener at a moment when no connection waits to be accepted: the kernel resets those that do, and a proxy can
// not know whether their calls were seen.
func closePort(listener net.Listener) {
	if conn, ok := listener.(syscall.Conn); ok {
		if raw, err := conn.SyscallConn(); err == nil {
			for limit := time.Now().Add(acceptLimit); connectionsWait(raw) && time.Now().Before(limit); {
				<-time.After(time.Millisecond)
			}
		}
	}
	_ = listener.Close() // what it served goes on
}

// connectionsWait reports whether there are connections to accept.
func connectionsWait(listener syscall.RawConn) (wait bool) {
	err := listener.Control(func(fd uintptr) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		wait = err == nil && n > 0
	})
	return err == nil && wait
}
