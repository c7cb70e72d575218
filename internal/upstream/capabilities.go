package upstream

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

const (
	// showsAtOnce bounds the requests that asking for capabilities may have open.
	showsAtOnce = 4
	// showsWithin is how long a list of models waits for them. What is late is
	// missing this time.
	showsWithin = time.Second
)

// capabilities remembers what models can do, by digest: the /api/tags of an older
// Ollama does not say, and /api/show takes some milliseconds a model.
type capabilities struct {
	slots chan struct{}

	mu       sync.Mutex
	byDigest map[string][]string // never written to, only replaced
}

func newCapabilities() capabilities {
	return capabilities{slots: make(chan struct{}, showsAtOnce)}
}

// findCapabilities returns by digest the capabilities that the list lacks, asking for
// those not known, and forgets models that are gone. A model that cannot be asked has none.
func (s *server) findCapabilities(ctx context.Context, models []ollama.Model) map[string][]string {
	ctx, cancel := context.WithTimeout(ctx, showsWithin)
	defer cancel()
	cache := &s.capabilities
	found, missing := cache.sort(models)
	if !s.allowCloud { // such a question may go to another machine
		missing = slices.DeleteFunc(missing, func(m ollama.Model) bool { return m.Remote })
	}
	var asking sync.WaitGroup
	for _, m := range missing {
		asking.Go(func() {
			list, err := s.show(ctx, m.Name)
			if err != nil {
				return
			}
			cache.mu.Lock()
			defer cache.mu.Unlock()
			found[m.Digest] = list
		})
	}
	asking.Wait()
	cache.mu.Lock()
	defer cache.mu.Unlock()
	cache.byDigest = found
	return found
}

// sort returns what is known, and the models that are to be asked about.
func (c *capabilities) sort(models []ollama.Model) (found map[string][]string, missing []ollama.Model) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found = make(map[string][]string, len(models))
	for _, m := range models {
		list, known := c.byDigest[m.Digest]
		switch {
		case m.Capabilities != nil:
		case known:
			found[m.Digest] = list
		default:
			missing = append(missing, m)
		}
	}
	return found, missing
}

// show asks for one model's capabilities, in turn.
func (s *server) show(ctx context.Context, model string) ([]string, error) {
	select {
	case s.capabilities.slots <- struct{}{}:
		defer func() { <-s.capabilities.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	request, err := json.Marshal(struct {
		Model string `json:"model"`
	}{model})
	if err != nil {
		return nil, err
	}
	var shown struct {
		Capabilities []string `json:"capabilities"`
	}
	err = s.metadata(ctx, "api/show", ollama.NewBody(request), &shown)
	return shown.Capabilities, err
}
