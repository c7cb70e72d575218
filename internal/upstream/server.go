package upstream

import (
	"context"
	"hash/fnv"
	"net/url"
	"slices"
	"strings"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/telemetry"
	"github.com/paddock-gate/paddock/internal/upstream/health"
)

// server is one of the pool.
type server struct {
	index int    // in Pool.servers
	name  string // as in ServerState
	hash  uint64 // of it

	allowCloud bool // as in Config

	wire   *ollama.Server
	model  ollama.Limits // of calls that a model works for
	quick  ollama.Limits // of all others
	health *health.Monitor

	catalog      cached[map[string]listed]
	capabilities capabilities
}

func newServer(base *url.URL, name string, config Config, onReady func()) *server {
	s := &server{
		name:         name,
		hash:         hashOf(name),
		allowCloud:   config.AllowCloud,
		wire:         ollama.NewServer(name, base, config.ConnectTimeout),
		model:        ollama.Limits{FirstByte: config.FirstTokenTimeout, Idle: config.IdleTimeout},
		quick:        ollama.Limits{FirstByte: config.ConnectTimeout},
		capabilities: newCapabilities(),
	}
	s.health = health.New(s.wire, s.quick, s.model.FirstByte, onReady)
	s.catalog = cached[map[string]listed]{ask: s.names, freshFor: catalogFreshFor}
	return s
}

func hashOf(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// shortName returns as much of a base URL, from its host on, as no other has.
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

// relay sends a model call, and notes how that went.
func (s *server) relay(ctx context.Context, r Request) (*ollama.Answer, error) {
	q, l := questionOf(r), s.model
	switch {
	case r.Path == quickPath:
		q, l, r.Whole = health.Question{}, s.quick, false
	case r.Whole:
		l.FirstByte *= health.WholeFactor
	default:
		l.Ahead = true
	}
	telemetry.From(ctx).Upstream = s.name
	a, err := s.send(ctx, r, q, l)
	if err == nil {
		err = a.KeepRefusal()
	}
	s.health.Note(r.Model, a, err)
	if err != nil {
		return nil, err
	}
	return a, nil
}

func questionOf(r Request) health.Question {
	return health.Question{Model: r.Model, Embeds: strings.Contains(r.Path, "embed"), Load: r.Load}
}

// send sends a request if the circuit breakers admit it, and returns the answer whatever
// its status. Cancelled calls are no failures: a client that hangs up says nothing about
// the server.
func (s *server) send(ctx context.Context, r Request, q health.Question, l ollama.Limits) (*ollama.Answer, error) {
	if err := s.health.Admit(ctx, q.Model); err != nil {
		return nil, err
	}
	sent := s.health.Begin(q, r.Whole)
	a, err := s.wire.Send(ctx, r.Path, r.Body, l)
	sent.End(a, err) //nolint:contextcheck // a model is asked for others, too, and when the call has left
	return a, err
}

// metadata makes a call that no model works for. Of what comes it keeps only the
// fields of result: api/show also has paths of the server.
func (s *server) metadata(ctx context.Context, path string, body *ollama.Body, result any) error {
	a, err := s.send(ctx, Request{Path: path, Body: body}, health.Question{}, s.quick)
	if err != nil {
		return err
	}
	return a.Decode(result)
}
