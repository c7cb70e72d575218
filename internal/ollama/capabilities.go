package ollama

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

const (
	// showsAtOnce bounds the requests that asking for capabilities may have open.
	showsAtOnce = 4
	// showsWithin is how long a list of models waits for them. What is late is
	// missing this time.
	showsWithin = time.Second
)

// capabilities remembers what models can do, by digest: /api/tags does not say,
// and /api/show takes some milliseconds a model.
type capabilities struct {
	slots chan struct{}

	mu       sync.Mutex
	byDigest map[string][]string // never written to, only replaced
}

func newCapabilities() capabilities {
	return capabilities{slots: make(chan struct{}, showsAtOnce)}
}

// findCapabilities gives the capabilities by digest, asking for those not known,
// and forgets models that are gone. A model that cannot be asked has none.
func (s *server) findCapabilities(ctx context.Context, models []taggedModel) map[string][]string {
	ctx, cancel := context.WithTimeout(ctx, showsWithin)
	defer cancel()
	cache := &s.capabilities
	found, missing := cache.sort(models)
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

// sort tells which models are known and which are to be asked for.
func (c *capabilities) sort(models []taggedModel) (found map[string][]string, missing []taggedModel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found = make(map[string][]string, len(models))
	for _, m := range models {
		if list, ok := c.byDigest[m.Digest]; ok {
			found[m.Digest] = list
		} else {
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
	err = s.metadata(ctx, "api/show", NewBody(request), &shown)
	return shown.Capabilities, err
}
