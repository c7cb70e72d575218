// Package upstream is the pool of Ollama servers that answer for Paddock: which are
// healthy, which models they have, and which of them takes the next call.
//
// A call goes to the least busy healthy server that has its model, when its turn
// has come. It goes to another only when the first one certainly has not served
// it, since it cannot have seen it or says so: a POST may have been served
// although its answer was lost.
package upstream

import (
	"context"
	"net/url"
	"sync"
	"time"

	"github.com/paddock-gate/paddock/internal/fairqueue"
	"github.com/paddock-gate/paddock/internal/upstream/health"
)

// Config says where the servers are and how long to wait for them.
type Config struct {
	// BaseURLs are http or https, with or without a path: one or more. Of equals,
	// the first is preferred.
	BaseURLs []*url.URL
	// ConnectTimeout bounds getting a connection, and the whole of the calls
	// that no model works for, such as Models and Ping.
	ConnectTimeout time.Duration
	// FirstTokenTimeout bounds the wait for the first byte of what a model
	// answers, loading the model included and waiting for its turn not.
	FirstTokenTimeout time.Duration
	// IdleTimeout bounds every later wait for more bytes of it.
	IdleTimeout time.Duration
	// MaxInflight is how many model calls a server is given at once; 0: any
	// number, and none waits.
	MaxInflight int
	// MaxQueue is how many calls may wait for their turn, in all.
	MaxQueue int
	// QueueTimeout bounds that wait.
	QueueTimeout time.Duration
	// AllowCloud lets calls and lists have remote models: those that run on ollama.com,
	// or on another machine that a server's list names.
	AllowCloud bool
	// OnWait is told how long a model call waited, when its turn comes; it may be
	// nil.
	OnWait func(ctx context.Context, wait time.Duration, batch bool)
}

// Pool calls the servers. It is safe for use by many goroutines.
type Pool struct {
	servers    []*server
	allowCloud bool
	queue      *fairqueue.Queue
	version    cached[string]
}

// New returns a pool of the servers. It does not connect yet.
func New(config Config) *Pool {
	p := &Pool{allowCloud: config.AllowCloud, queue: fairqueue.New(fairqueue.Config{
		Servers:   len(config.BaseURLs),
		PerServer: config.MaxInflight,
		Limit:     config.MaxQueue,
		Timeout:   config.QueueTimeout,
		Recheck:   time.Second,
		Busy:      busy,
		OnWait:    config.OnWait,
	})}
	for i, base := range config.BaseURLs {
		s := newServer(base, shortName(base, config.BaseURLs), config, func() { p.queue.Serve(i) })
		s.index = i
		p.servers = append(p.servers, s)
	}
	p.version = cached[string]{ask: p.askVersion, freshFor: versionFreshFor}
	return p
}

// State is the state of a server's circuit breaker.
type State = health.State

// States of a circuit breaker; see health.State.
const (
	Closed   = health.Closed
	HalfOpen = health.HalfOpen
	Open     = health.Open
)

// ServerState is how one server is doing.
type ServerState struct {
	Name         string   // unlike any other's: "host:port", and more of its URL where that does not do
	State        State    // of its circuit breaker
	InFlight     int      // model calls that it works on
	Unresponsive []string // models that do not answer in time, or when they are asked whether they are alive; canonical names
}

// Stats are a snapshot for metrics.
type Stats struct {
	fairqueue.Stats
	Upstreams []ServerState
}

// Stats returns how the servers and the queue in front of them are doing.
func (p *Pool) Stats() Stats {
	return Stats{p.queue.Stats(), p.Upstreams()}
}

// Upstreams returns how each server is doing, in the order of Config.BaseURLs.
func (p *Pool) Upstreams() []ServerState {
	states := make([]ServerState, len(p.servers))
	for i, s := range p.servers {
		states[i] = ServerState{Name: s.name, State: s.health.State(), InFlight: p.queue.InFlight(i), Unresponsive: s.health.Unresponsive()}
	}
	return states
}

// State returns the state of the circuit breaker of the healthiest server.
func (p *Pool) State() State {
	best := Open
	for _, s := range p.servers {
		best = min(best, s.health.State())
	}
	return best
}

// Health is how a server answered a ping.
type Health struct {
	Name string        // as in ServerState
	Took time.Duration // to answer or to fail
	Err  error         // nil when it answered
}

// Ping asks every server for its version, whatever its circuit breaker thinks.
func (p *Pool) Ping(ctx context.Context) []Health {
	all := make([]Health, len(p.servers))
	var asking sync.WaitGroup
	for i, s := range p.servers {
		asking.Go(func() {
			begun := time.Now()
			err := s.health.Ping(ctx)
			all[i] = Health{Name: s.name, Took: time.Since(begun), Err: err}
		})
	}
	asking.Wait()
	return all
}
