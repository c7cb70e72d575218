// Package ollama is the client of one Ollama server: its models, streamed chat
// and embeddings, in Ollama's own terms.
//
// It differs from the official client in what it does when things go wrong,
// which billing and audit depend on: an answer that breaks off is an error, the
// end of the caller's context is told apart from a failure of the upstream, every
// call has a deadline to its first byte, and every line and body has a bound.
// Requests are encoded from checked values and carry no header but their own.
// Nothing is ever retried: a POST may have been served although its answer was
// lost.
package ollama

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Config says where the upstream is and how long to wait for it. All fields
// must be set.
type Config struct {
	// BaseURL is http or https, with or without a path.
	BaseURL *url.URL
	// ConnectTimeout bounds getting a connection, and the whole of the calls
	// that no model works for: Models and Ping.
	ConnectTimeout time.Duration
	// FirstTokenTimeout bounds the wait for the first byte of Chat and Embed,
	// loading the model included.
	FirstTokenTimeout time.Duration
	// IdleTimeout bounds every later wait of Chat and Embed for more bytes.
	IdleTimeout time.Duration
}

// Client calls one upstream. It is safe for use by many goroutines and does not
// limit how many calls run at once.
type Client struct {
	base         *url.URL
	http         *http.Client
	model        limits // of calls that a model works for
	quick        limits // of all others
	breaker      breaker
	capabilities capabilities
}

// New makes a client. It does not connect yet.
func New(config Config) *Client {
	c := &Client{
		base:         config.BaseURL,
		http:         &http.Client{Transport: newTransport(config.ConnectTimeout), CheckRedirect: refuseRedirect},
		model:        limits{firstByte: config.FirstTokenTimeout, idle: config.IdleTimeout},
		quick:        limits{firstByte: config.ConnectTimeout},
		capabilities: newCapabilities(),
	}
	c.breaker.probe = func() error { return c.Ping(context.Background()) }
	return c
}

// newTransport speaks HTTP/1.1, without proxies or compression and without a
// limit on connections.
func newTransport(connectTimeout time.Duration) *http.Transport {
	dialer := net.Dialer{Timeout: connectTimeout}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    1024, // streams come in crowds: keep the connections they leave
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// State tells what the circuit breaker thinks of the upstream.
func (c *Client) State() State { return c.breaker.State() }

// Ping asks the upstream for its version, whatever the circuit breaker thinks.
func (c *Client) Ping(ctx context.Context) error {
	a, err := c.send(ctx, "api/version", nil, c.quick)
	if err != nil {
		return err
	}
	defer a.Close()
	_, err = a.readAll(64 << 10)
	return err
}

// call sends a request if the breaker admits it, and reports to the breaker.
// Cancelled calls are no failures: a client that hangs up says nothing about the
// upstream.
func (c *Client) call(ctx context.Context, path string, request any, l limits) (*answer, error) {
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return nil, badRequest("an option is not a finite number")
		}
	}
	if err := c.breaker.admit(ctx); err != nil {
		return nil, err
	}
	a, err := c.send(ctx, path, body, l)
	var fault *Error
	switch errors.As(err, &fault); {
	case err == nil, fault != nil && fault.Status != 0:
		c.breaker.succeeded()
	case fault != nil:
		c.breaker.failed()
	}
	return a, err
}
