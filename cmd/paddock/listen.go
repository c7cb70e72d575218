package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/paddock-gate/paddock/internal/config"
)

// listen takes LISTEN_ADDR before the database is touched: a server that cannot serve leaves nothing behind.
func listen(ctx context.Context, cfg config.Config) (*net.TCPListener, error) {
	if err := checkMetricsAddr(ctx, cfg); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.ListenAddr)
	if err != nil {
		return nil, fmt.Errorf("LISTEN_ADDR: %w", err)
	}
	return listener.(*net.TCPListener), nil //nolint:errcheck,forcetypeassert // as every listener of TCP is
}

// devListen takes LISTEN_ADDR, or when that was left to it the first free one of 8080 to 8083, and says so when it moves.
func devListen(ctx context.Context, p program, cfg config.Config, moves bool) (listener net.Listener, err error) {
	if !moves {
		return listen(ctx, cfg)
	}
	if err := checkMetricsAddr(ctx, cfg); err != nil {
		return nil, err
	}
	for _, port := range []string{"8080", "8081", "8082", "8083"} {
		listener, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:"+port)
		if err == nil && port != "8080" {
			fmt.Fprintf(p.stdout, "8080 is in use; took %s\n", port)
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return listener, err
		}
	}
	return nil, fmt.Errorf("8080 to 8083 are in use; LISTEN_ADDR takes another: %w", err)
}

// checkMetricsAddr fails early if METRICS_ADDR cannot be listened on, which server.Run would find late.
func checkMetricsAddr(ctx context.Context, cfg config.Config) error {
	if cfg.MetricsAddr == "" {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.MetricsAddr)
	if err != nil {
		return fmt.Errorf("METRICS_ADDR: %w", err)
	}
	return listener.Close()
}

// baseURL is where a browser on this machine finds a listener.
func baseURL(listening net.Addr) string {
	addr, err := netip.ParseAddrPort(listening.String())
	if err == nil && addr.Addr().IsUnspecified() {
		addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), addr.Port())
	}
	return "http://" + addr.String()
}

func isLoopbackAddr(hostPort string) bool {
	host, _, _ := net.SplitHostPort(hostPort)
	return config.IsLoopback(host)
}
