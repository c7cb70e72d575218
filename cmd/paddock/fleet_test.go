package main

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fleet is replicas of the program.
type fleet struct {
	t        *testing.T
	env      environment
	replicas []*process
	stay     bool // at their addresses when they are restarted

	mu      sync.Mutex
	serving []string // the URLs of those that were not told to stop
}

func startFleet(t *testing.T, program string, replicas int, env environment) *fleet {
	t.Helper()
	f := &fleet{t: t, env: env}
	for range replicas {
		p := startProgram(t, program, env, "serve")
		f.replicas = append(f.replicas, p)
		f.serving = append(f.serving, p.url(t))
	}
	return f
}

// restart stops the replicas one by one, and starts another build of the program in the place of each.
func (f *fleet) restart(program string, balancers []*balancer) {
	f.t.Helper()
	for slot, p := range f.replicas {
		url := p.url(f.t)
		f.mu.Lock()
		f.serving = slices.DeleteFunc(f.serving, func(u string) bool { return u == url })
		f.mu.Unlock()
		p.stop(f.t)
		env := f.env
		if f.stay {
			env = env.with(environment{"LISTEN_ADDR": strings.TrimPrefix(url, "http://")})
		}
		next := startProgram(f.t, program, env, "serve")
		f.replicas[slot] = next
		for _, b := range balancers {
			b.moved(slot, next.url(f.t))
		}
		f.mu.Lock()
		f.serving = append(f.serving, next.url(f.t))
		f.mu.Unlock()
	}
}

// isServing reports whether the replica was not told to stop.
func (f *fleet) isServing(url string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.serving, url)
}

// watch fails the test when a replica is not ready that was not told to stop. The caller must call end.
func (f *fleet) watch() (end func()) {
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for tick := time.NewTicker(50 * time.Millisecond); ; {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			f.mu.Lock()
			urls := slices.Clone(f.serving)
			f.mu.Unlock()
			for _, url := range urls {
				if status := get(url + "/readyz"); status != http.StatusOK && f.isServing(url) {
					f.t.Errorf("%s/readyz: %d", url, status)
				}
			}
		}
	})
	end = sync.OnceFunc(func() {
		close(done)
		watching.Wait()
	})
	f.t.Cleanup(end)
	return end
}
