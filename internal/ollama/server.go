package ollama

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// Server is where an Ollama server is. It is safe for use by many goroutines.
type Server struct {
	name      string
	base      *url.URL
	transport *http.Transport
	ahead     atomic.Int64 // bytes that may still be read ahead, of all answers
}

// NewServer returns the server at a base URL, http or https, with or without a path.
// It does not connect yet. The timeout bounds connecting.
func NewServer(name string, base *url.URL, connectTimeout time.Duration) *Server {
	// A path, without which JoinPath makes none that is absolute.
	s := &Server{name: name, base: base.JoinPath("/"), transport: newTransport(connectTimeout)}
	s.ahead.Store(maxAheadInAll)
	return s
}

// newTransport speaks HTTP/1.1, without proxies or compression and without a
// limit on connections.
func newTransport(connectTimeout time.Duration) *http.Transport {
	dialer := net.Dialer{Timeout: connectTimeout}
	secure := tls.Dialer{NetDialer: &dialer}
	return &http.Transport{
		DialContext: dialer.DialContext,
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := secure.DialContext(ctx, network, address)
			if err != nil { // of the handshake, too: no request has been sent
				return nil, &net.OpError{Op: "dial", Net: network, Err: err}
			}
			return c, nil
		},
		DisableCompression:     true,
		MaxIdleConnsPerHost:    1024, // streams come in crowds: keep the connections they leave
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// Headers of all requests. A transport does not write to them.
var (
	getHeader  = http.Header{"User-Agent": {"paddock"}}
	postHeader = http.Header{"User-Agent": {"paddock"}, "Content-Type": {"application/json"}}
)

// Send makes one request, GET without a body and POST with one, and returns the
// answer whatever its status; the caller must close it.
func (s *Server) Send(ctx context.Context, path string, body *Body, l Limits) (*Answer, error) {
	ctx, span := s.startSpan(ctx, path, body)
	a := &Answer{Server: s.name, caller: ctx, idle: l.Idle, span: span, mayAhead: l.Ahead, left: &s.ahead}
	a.ctx, a.cancel = context.WithCancelCause(ctx)
	a.watchdog = time.AfterFunc(l.FirstByte, func() { a.cancel(errTimeout) })
	if err := a.begin(s, path, body); err != nil {
		a.endSpan(err)
		a.Close()
		return nil, err
	}
	return a, nil
}

func (s *Server) request(ctx context.Context, path string, body *Body) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "", nil)
	if err != nil {
		return nil, err
	}
	r.URL, r.Header = s.base.JoinPath(path), getHeader
	if body == nil {
		return r, nil
	}
	r.Method, r.Header, r.ContentLength = http.MethodPost, postHeader, body.size()
	r.GetBody = func() (io.ReadCloser, error) { // net/http's, for a connection that the server has closed meanwhile
		return body.reader(), nil
	}
	r.Body, err = r.GetBody()
	return r, err
}
