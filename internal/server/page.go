package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/paddock-gate/paddock/internal/door"

	"github.com/paddock-gate/paddock/ui"
)

// contentSecurityPolicy allows pages to load from this server only, and no inline scripts or styles.
const contentSecurityPolicy = "default-src 'self'; img-src 'self' data:; " +
	"object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// ServePage serves the web page alone until ctx ends, for a server that runs elsewhere: at apiBase, or if that is empty at the address
// that the page was built for.
func ServePage(ctx context.Context, listener net.Listener, apiBase string) error {
	s := newHTTPServer(door.SecurityHeaders(contentSecurityPolicy+"; connect-src 'self' "+apiBase, ui.Handler(apiBase)), slog.Default())
	context.AfterFunc(ctx, func() { _ = s.Close() })
	if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// withoutPage serves the root of a server that serves the API alone.
func withoutPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(w, `<!doctype html><html lang="en"><meta charset="utf-8"><title>Paddock</title>
<p>There is no page here: this server serves the API alone. <a href="/docs">Its documentation</a> tells how.
`) // the client has gone
}
