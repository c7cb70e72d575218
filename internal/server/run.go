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
	"github.com/paddock-gate/paddock/internal/janitor"
	"github.com/paddock-gate/paddock/internal/ops"
)

// drainLimit is how long running calls may take to end after the server is told to stop, and closeLimit how long their
// clients may take to read the last of it.
var drainLimit, closeLimit = 30 * time.Second, 2 * time.Second

// memoryCheck is how often the server looks whether it has memory to give back.
const memoryCheck = 10 * time.Second

// Run serves on the listener until ctx ends, then lets running calls end, those that stream at the latest after
// drainLimit. It returns nil after an orderly end.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	// Calls outlive ctx, until they are done or drained; the work behind them outlives them.
	calls, drain := context.WithCancelCause(context.WithoutCancel(ctx))
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	var behind sync.WaitGroup
	behind.Go(func() { s.auth.Run(work) })
	behind.Go(func() { s.noise.Run(work) })
	behind.Go(func() { s.ledger.Run(work) })
	behind.Go(func() { janitor.Run(work, s.trail) })
	behind.Go(func() { ops.ReturnMemory(work, memoryCheck) })
	if s.endTracing != nil {
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			_ = s.endTracing(ctx)
		}()
	}
	defer behind.Wait()
	defer stop()
	defer drain(door.ErrDraining)

	failed := make(chan error, 2)
	if s.config.MetricsAddr != "" {
		aside, err := new(net.ListenConfig).Listen(ctx, "tcp", s.config.MetricsAddr)
		if err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
		only := http.NewServeMux()
		only.Handle("GET /metrics", s.metrics.Handler())
		metricsServer := newHTTPServer(only, s.log)
		go func() { failed <- metricsServer.Serve(aside) }()
		defer metricsServer.Close()
	}
	server := newHTTPServer(s.handler, s.log)
	server.BaseContext = func(net.Listener) context.Context { return calls }
	go func() { failed <- server.Serve(listener) }()

	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.log.Info("shutting down", "limit", drainLimit.String())
	// Until the last call has ended, probes are told so, and new calls to go elsewhere.
	select {
	case <-s.calls.Drain():
	case <-time.After(drainLimit):
		drain(door.ErrDraining)
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
	defer cancel()
	defer func() {
		if err := s.ledger.Close(closing); err != nil {
			s.log.Warn("usage left for another replica to settle", "error", err)
		}
	}()
	if err := server.Shutdown(closing); err != nil {
		s.log.Warn("connections cut off", "error", err)
		return server.Close()
	}
	return nil
}

// newHTTPServer bounds what a peer can make us wait for or keep. There is no WriteTimeout, which would end streams; see
// recorder.
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
			SendPingTimeout:      15 * time.Second, // which keeps a stream alive that waits
			PingTimeout:          15 * time.Second,
			WriteByteTimeout:     ops.WriteIdle,
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// MemoryLimit returns how much memory the server may take before the garbage collector runs more often, bytes: all the room that
// bodies of the largest size share, and as much as the rest takes at most.
func MemoryLimit(largestBody int64) int64 {
	return door.RoomFor(largestBody) + 192<<20
}
