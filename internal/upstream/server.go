package upstream

import (
	"context"
	"errors"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// server is one upstream.
type server struct {
	index int    // in Pool.servers
	name  string // as in UpstreamState
	hash  uint64 // of it
	wire  *ollama.Server

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
		wire:         ollama.NewServer(name, base, config.ConnectTimeout),
		allowCloud:   config.AllowCloud,
		model:        limits{Limits: ollama.Limits{FirstByte: config.FirstTokenTimeout, Idle: config.IdleTimeout}},
		quick:        limits{Limits: ollama.Limits{FirstByte: config.ConnectTimeout}},
		capabilities: newCapabilities(),
		onReady:      onReady,
	}
	s.breaker = breaker{
		probe:     func() error { return s.ping(context.Background()) },
		tripAfter: 3,
		patience:  50 * time.Millisecond,
		onClose:   onReady,
		err:       ollama.ErrUnreachable,
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

// limits bound how long a server may keep silent.
type limits struct {
	ollama.Limits
	whole bool // the first byte comes when the answer is done
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
func (s *server) ask(ctx context.Context, r Request, l limits) (*ollama.Answer, error) {
	if err := s.admit(ctx, r.Model); err != nil {
		return nil, err
	}
	if r.Model != "" {
		defer s.await(questionOf(r), l).end() //nolint:contextcheck // a model is asked for others, too, and when the call has left
	}
	asked := time.Now()
	a, err := s.wire.Send(ctx, r.Path, r.Body, l.Limits)
	var fault *ollama.Error
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
	a, err := s.wire.Send(ctx, "api/version", nil, s.quick.Limits)
	if err != nil {
		return err
	}
	if a, err = a.OrError(); err != nil {
		return err
	}
	defer a.Close()
	_, err = a.ReadAll(64 << 10)
	return err
}

// metadata makes a call that no model works for. Of what comes it keeps only the
// fields of result: /api/show also tells paths of the server.
func (s *server) metadata(ctx context.Context, path string, body *ollama.Body, result any) error {
	a, err := s.ask(ctx, Request{Path: path, Body: body}, s.quick)
	if err != nil {
		return err
	}
	return a.Decode(result)
}
