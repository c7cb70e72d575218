package ollama

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// server is one upstream.
type server struct {
	index     int    // in Client.servers
	name      string // as in UpstreamState
	hash      uint64 // of it
	base      *url.URL
	transport *http.Transport

	allowCloud bool // as in Config

	model limits // of calls that a model works for
	quick limits // of all others

	breaker      breaker
	silences     silences
	pulses       pulses
	catalog      cached[map[string]listed]
	capabilities capabilities

	onReady func() // called when it may be given calls again
}

func newServer(base *url.URL, name string, config Config, onReady func()) *server {
	s := &server{
		name:         name,
		hash:         hashOf(name),
		base:         base.JoinPath("/"), // a path, without which JoinPath makes none that is absolute
		transport:    newTransport(config.ConnectTimeout),
		allowCloud:   config.AllowCloud,
		model:        limits{firstByte: config.FirstTokenTimeout, idle: config.IdleTimeout},
		quick:        limits{firstByte: config.ConnectTimeout},
		capabilities: newCapabilities(),
		onReady:      onReady,
	}
	s.breaker = breaker{
		probe:     func() error { return s.ping(context.Background()) },
		tripAfter: 3,
		patience:  50 * time.Millisecond,
		onClose:   onReady,
		message:   messageUnreachable,
	}
	s.catalog = cached[map[string]listed]{ask: s.names, freshFor: catalogFreshFor}
	return s
}

func hashOf(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// shortName gives as much of a base URL, from its host on, as tells it from all others.
func shortName(base *url.URL, all []*url.URL) string {
	for _, name := range []func(*url.URL) string{
		func(u *url.URL) string { return u.Host },
		func(u *url.URL) string { return u.Host + u.Path },
	} {
		alike := func(u *url.URL) bool { return u != base && name(u) == name(base) }
		if !slices.ContainsFunc(all, alike) {
			return name(base)
		}
	}
	return base.String()
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

// request is a POST when it has a body, else a GET.
func (s *server) request(ctx context.Context, path string, body *Body) (*http.Request, error) {
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

// admit gives nil when a call for the model, if it is for one, may go to the server, else
// ErrUnavailable or ctx's error. It may wait for a probe.
func (s *server) admit(ctx context.Context, model string) error {
	if err := s.breaker.admit(ctx); err != nil {
		return err
	}
	if b := s.silences.of(model); b != nil {
		return b.admit(ctx)
	}
	return nil
}

// ready tells whether nothing speaks against giving the server a call for the
// model. When something does, it has that looked into, and does not wait.
func (s *server) ready(model string) bool {
	b := s.silences.of(model)
	return s.breaker.ready() && (b == nil || b.ready())
}

// standing is what speaks against giving a server a call for a model: the less, the better.
type standing int

const (
	sound    standing = iota
	ailing            // a call for the model failed there lately, or the model is suspect
	doubtful          // it is not ready
)

func (s *server) standing(model string) standing {
	switch {
	case !s.ready(model):
		return doubtful
	case s.pulses.ails(model):
		return ailing
	}
	return sound
}

// ask sends a request if the breakers admit it, returns the answer whatever its
// status, and reports to the breakers. Cancelled calls are no failures: a client
// that hangs up says nothing about the upstream.
func (s *server) ask(ctx context.Context, r Relay, l limits) (*Answer, error) {
	if err := s.admit(ctx, r.Model); err != nil {
		return nil, err
	}
	if r.Model != "" {
		defer s.await(questionOf(r), l).end() //nolint:contextcheck // a model is asked for others, too, and when the call has left
	}
	asked := time.Now()
	a, err := s.send(ctx, r.Path, r.Body, l)
	var fault *Error
	switch {
	case isSilent(err) && s.pulses.excuse(r.Model, asked, l.whole): // busy with others
	case err == nil:
		s.breaker.succeeded()
		if a.Status == http.StatusOK {
			s.silences.answered(r.Model)
			s.pulses.alive(r.Model)
		}
	case isSilent(err) && r.Model != "":
		s.wasSilent(questionOf(r))
	case errors.As(err, &fault):
		s.breaker.failed()
	}
	return a, err
}

// ping asks for the version, past the breaker.
func (s *server) ping(ctx context.Context) error {
	a, err := s.send(ctx, "api/version", nil, s.quick)
	if err != nil {
		return err
	}
	if a, err = a.orFault(); err != nil {
		return err
	}
	defer a.Close()
	_, err = a.readAll(64 << 10)
	return err
}

// maxMetadata bounds what a server tells about its models. /api/show lists
// every tensor.
const maxMetadata = 16 << 20

// metadata makes a call that no model works for. Of what comes it keeps only the
// fields of result: /api/show also tells paths of the server.
func (s *server) metadata(ctx context.Context, path string, body *Body, result any) error {
	a, err := s.ask(ctx, Relay{Path: path, Body: body}, s.quick)
	if err != nil {
		return err
	}
	if a, err = a.orFault(); err != nil {
		return err
	}
	defer a.Close()
	answer, err := a.readAll(maxMetadata)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, result); err != nil {
		return failed(messageNonsense, err)
	}
	return nil
}
