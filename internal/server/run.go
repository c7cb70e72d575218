package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/paddock-gate/paddock/internal/door"
	"github.com/paddock-gate/paddock/internal/ops"
)

// memoryCheck is how often the server checks whether it has memory to return.
const memoryCheck = 10 * time.Second

// Run serves on the listener until ctx ends, and then for as long as stop takes. It returns nil after an orderly end.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	// Calls outlive ctx until they end or are cancelled, and background work outlives the calls.
	calls, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	var once sync.Once
	cut := func(cause error) {
		cancel(cause)
		once.Do(func() { close(s.cut) })
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { s.auth.Run(work) })
	background.Go(func() { s.noise.Run(work) })
	background.Go(func() { s.ledger.Run(work) })
	background.Go(func() { s.janitor.Run(work) })
	if s.sealer != nil {
		background.Go(func() { s.sealer.Run(work, s.log) })
	}
	background.Go(func() { ops.ReturnMemory(work, memoryCheck) })
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = s.tracing.Close(ctx) // whose collector may be away
	}()
	defer background.Wait()
	defer stop()
	defer cut(door.ErrDraining)

	failed := make(chan error, 2)
	if s.config.MetricsAddr != "" {
		metricsListener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.config.MetricsAddr)
		if err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", s.metrics.Handler())
		metricsServer := newHTTPServer(door.SecurityHeaders(contentSecurityPolicy, mux), s.log)
		go func() { failed <- metricsServer.Serve(metricsListener) }()
		defer metricsServer.Close()
	}
	server := newHTTPServer(s.sendAway(s.handler), s.log)
	server.HTTP2.SendPingTimeout = s.config.StreamKeepAlive // keeps connections of waiting streams alive
	server.BaseContext = func(net.Listener) context.Context { return calls }
	go func() { failed <- server.Serve(listener) }()

	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	ctx = context.WithoutCancel(ctx)
	defer func() {
		ctx, cancel := context.WithTimeout(ctx, closeLimit)
		defer cancel()
		if err := s.ledger.Close(ctx); err != nil {
			s.log.Warn("usage left for another replica to settle", "error", err)
		}
	}()
	return s.stop(ctx, server, listener, cut)
}

// newHTTPServer returns an HTTP server with limits on what it waits for and keeps in memory for a client. There is no WriteTimeout,
// which would end streams: ops.Observe sets deadlines of writes.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           h,
		Protocols:         &protocols,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       90 * time.Second,
		MaxHeaderBytes:    32 << 10,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 100,
			PingTimeout:          15 * time.Second,
			WriteByteTimeout:     ops.WriteIdle,
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// MemoryLimit returns the memory, in bytes, above which the garbage collector should run more often: all the room for bodies, of which
// the largest has so many bytes, and as much as everything else takes at most.
func MemoryLimit(largestBody int64) int64 {
	return door.RoomFor(largestBody) + 192<<20
}
