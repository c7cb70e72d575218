package upstream

import (
	"context"
	"slices"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// Models lists what the servers hold, as Tags does, and what it can do as far as is
// known.
func (c *Pool) Models(ctx context.Context) ([]ollama.Model, error) {
	return union(ctx, c, (*server).models, modelKey)
}

func modelKey(m ollama.Model) listKey {
	name, _ := ollama.Canonical(m.Name)
	return listKey{name, m.ModifiedAt, m.Remote}
}

func (s *server) models(ctx context.Context) ([]ollama.Model, error) {
	list, err := s.tags(ctx)
	if err != nil {
		return nil, err
	}
	var models []ollama.Model
	for _, entry := range list {
		if m, ok := entry.Model(); ok {
			models = append(models, m)
		}
	}
	known := s.findCapabilities(ctx, models)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i, m := range models {
		if m.Capabilities == nil {
			models[i].Capabilities = slices.Clone(known[m.Digest])
		}
	}
	return models, nil
}
