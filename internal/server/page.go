package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"github.com/paddock-gate/paddock/ui"
)

// ServePage serves the web page alone until ctx ends, for a server that runs elsewhere: at apiBase, or when that is empty
// where the page was built for.
func ServePage(ctx context.Context, listener net.Listener, apiBase string) error {
	s := newHTTPServer(secured(contentSecurityPolicy+"; connect-src 'self' "+apiBase, ui.Handler(apiBase)), slog.Default())
	context.AfterFunc(ctx, func() { _ = s.Close() })
	if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
