package upstream

import (
	"errors"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/upstream/health"
)

// newPool returns a client of servers of those hosts and paths.
func newPool(config Config, names ...string) *Pool {
	for _, name := range names {
		host, path, _ := strings.Cut(name, "/")
		config.BaseURLs = append(config.BaseURLs, &url.URL{Scheme: "http", Host: host, Path: strings.TrimSuffix("/"+path, "/")})
	}
	return New(config)
}

// visit makes a call that ends at once, and returns the name of its server.
func (p *Pool) visit(t *testing.T, affinity uint64) string {
	t.Helper()
	s, err := p.enter(t.Context(), Turn{Affinity: affinity}, "m", p.servers, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p.queue.Leave(s.index, "")
	return s.name
}

func TestPick_SpreadsAffinities(t *testing.T) {
	for _, names := range []string{"a b", "a b c", "gpu1:11434 gpu2:11434 gpu3:11434 gpu4:11434", "gpu/a gpu/b"} {
		c, calls := newPool(Config{}, strings.Fields(names)...), map[string]int{}
		const each = 2000
		for range each * len(c.servers) {
			calls[c.visit(t, rand.Uint64())]++
		}
		for _, s := range c.servers {
			if n := calls[s.name]; n < each*9/10 || n > each*11/10 {
				t.Errorf("%s: %d calls at %s, want about %d", names, n, s.name, each)
			}
		}
	}
}

// Only the calls of a server that is away go elsewhere, and come back with it.
func TestPick_AffinityFailover(t *testing.T) {
	c := newPool(Config{ConnectTimeout: time.Second}, "127.0.0.1:1/a", "127.0.0.1:1/b", "127.0.0.1:1/c")
	at := func() (all []string) {
		for affinity := range uint64(100) {
			all = append(all, c.visit(t, affinity+1))
		}
		return all
	}
	before := at()
	a, away := c.servers[0].health, c.servers[0].name
	for range 3 {
		a.Begin(health.Question{}, false).End(nil, ollama.ErrUnreachable)
	}
	others := map[string]int{}
	for i, name := range at() {
		switch {
		case name == away:
			t.Errorf("%d: at the server that is away", i)
		case before[i] == away:
			others[name]++
		case name != before[i]:
			t.Errorf("%d: at %s, before at %s", i, name, before[i])
		}
	}
	if len(others) != 2 {
		t.Errorf("the calls of a went to %v", others)
	}
	a.Begin(health.Question{}, false).End(nil, nil)
	if after := at(); !slices.Equal(after, before) {
		t.Errorf("at %s, before at %s", after, before)
	}
}

func TestPick_FailedModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newPool(Config{MaxInflight: 2}, "s", "t")
		want := func(names string) {
			t.Helper()
			var got []string
			for range 4 {
				s, err := c.enter(t.Context(), Turn{}, "m", c.servers, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, s.name)
			}
			for _, name := range got {
				c.queue.Leave(strings.Index("st", name), "")
			}
			if got := strings.Join(got, " "); got != names {
				t.Errorf("taken: %s, want %s", got, names)
			}
		}
		c.servers[0].health.Note("another", nil, ollama.ErrTimeout)
		want("s t s t")
		c.servers[0].health.Note("m", nil, ollama.ErrTimeout)
		want("t t s s")
		c.servers[0].health.Note("m", &ollama.Answer{Status: 200}, nil)
		want("s t s t")
		c.servers[0].health.Note("m", nil, ollama.ErrTimeout)
		time.Sleep(10 * time.Second)
		want("s t s t")
	})
}

// A call that gets no turn is told that the server is busy.
func TestEnter_Busy(t *testing.T) {
	c := newPool(Config{MaxInflight: 1}, "s")
	for i := range 2 {
		_, err := c.enter(t.Context(), Turn{}, "m", c.servers, time.Now())
		var busy *ollama.Error
		if refused := errors.As(err, &busy); refused != (i == 1) || refused && (!errors.Is(err, ollama.ErrUnavailable) || busy.Message != ollama.ErrBusy.Message || busy.RetryAfter < time.Second) {
			t.Errorf("call %d: %v", i, err)
		}
	}
}
