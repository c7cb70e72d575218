package upstream_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/upstream"
)

// servedBy counts the calls that each server was given.
func servedBy(servers []*ollamatest.Server) []int {
	counts := make([]int, len(servers))
	for i, s := range servers {
		counts[i] = len(s.To("/api/chat"))
	}
	return counts
}

// say makes a call of an affinity, and waits for its end.
func say(t *testing.T, c *upstream.Pool, affinity uint64) {
	t.Helper()
	for _, err := range c.Chat(t.Context(), upstream.Turn{Affinity: affinity}, hi("tiny-chat")) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestAffinity_SameServer: the calls of a conversation go to one server, also through another client; those of many
// conversations to all.
func TestAffinity_SameServer(t *testing.T) {
	servers, config := several(t, "tiny-chat", "tiny-chat", "tiny-chat")
	clients := []*upstream.Pool{upstream.New(config), upstream.New(config)}
	for conversation := range 30 {
		before := servedBy(servers)
		for turn := range 4 {
			say(t, clients[turn%2], uint64(conversation+1)*7919)
		}
		used := 0
		for i, n := range servedBy(servers) {
			if n > before[i] {
				used++
			}
		}
		if used != 1 {
			t.Errorf("conversation %d went to %d servers", conversation, used)
		}
	}
	for i, n := range servedBy(servers) {
		if n < 12 {
			t.Errorf("server %d was given %d calls of 120", i, n)
		}
	}
}

// TestAffinity_Busy: a conversation leaves its server when that is busier than another by more than one call, and when it is
// away.
func TestAffinity_Busy(t *testing.T) {
	servers, config := several(t, "tiny-chat busy", "tiny-chat busy")
	busy(servers)
	c := upstream.New(config)
	const affinity = 42
	say(t, c, affinity)
	home, other := servers[0], servers[1]
	if servedBy(servers)[1] == 1 {
		home, other = other, home
	}
	end := keepBusy(t, c, affinity, 2)
	before := len(other.To("/api/chat"))
	say(t, c, affinity)
	if len(other.To("/api/chat")) == before {
		t.Error("a conversation waits at a server that is busier by two calls")
	}
	end()
	home.Stop()
	c = upstream.New(config) // with no connection to it
	for range 3 {
		say(t, c, affinity)
	}
}

// keepBusy has the server of an affinity work on calls until the function that it returns is called.
func keepBusy(t *testing.T, c *upstream.Pool, affinity uint64, calls int) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var working sync.WaitGroup
	for range calls {
		begun := make(chan struct{})
		working.Go(func() {
			for _, err := range c.Chat(ctx, upstream.Turn{Affinity: affinity}, hi("busy")) {
				if err == nil {
					close(begun)
				}
			}
		})
		<-begun
	}
	return func() {
		cancel()
		working.Wait()
	}
}

// busy makes servers work for ever on a model of that name.
func busy(servers []*ollamatest.Server) {
	for _, s := range servers {
		s.Script("busy", ollamatest.Say("hm"), ollamatest.Hang())
	}
}

// TestAffinity_Property: whatever is called, no server ever works on two calls more than another for the sake of affinity.
func TestAffinity_Property(t *testing.T) {
	servers, config := several(t, "busy", "busy", "busy")
	busy(servers)
	c := upstream.New(config)
	r := rand.New(rand.NewPCG(1, 2))
	var ends []func()
	for range 60 {
		if len(ends) > 0 && r.IntN(2) == 0 {
			i := r.IntN(len(ends))
			ends[i]()
			ends = append(ends[:i], ends[i+1:]...)
			continue
		}
		states := c.Upstreams()
		least := states[0].InFlight
		for _, s := range states {
			least = min(least, s.InFlight)
		}
		ends = append(ends, keepBusy(t, c, uint64(r.IntN(5)+1), 1))
		for i, s := range c.Upstreams() {
			if s.InFlight > states[i].InFlight && states[i].InFlight > least+1 {
				t.Errorf("a call went to a server with %d, where another had %d", states[i].InFlight, least)
			}
		}
	}
	for _, end := range ends {
		end()
	}
}
