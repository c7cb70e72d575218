package ollama

import (
	"context"
	"time"
)

const (
	// catalogFreshFor is how old the list of a server's models may be before it
	// is asked for again.
	catalogFreshFor = 10 * time.Second
	// catalogOldAfter is how old it may be when a call is sent where it says.
	catalogOldAfter = time.Minute
	// catalogPause is between two such questions for a model that nobody has.
	catalogPause = time.Second
)

// names gives the canonical names of the models that the server has.
func (s *server) names(ctx context.Context) (map[string]bool, error) {
	list, err := s.tags(ctx)
	names := make(map[string]bool, len(list))
	for _, m := range list {
		names[m.Name] = true
	}
	return names, err
}

// holders gives the servers that have the model as far as is known, else those
// of which nothing is known, else all: it is theirs to say that they do not have
// it.
func (c *Client) holders(ctx context.Context, model string) ([]*server, error) {
	if len(c.servers) == 1 || model == "" {
		return c.servers, nil
	}
	if err := c.renewCatalogs(ctx, catalogOldAfter); err != nil {
		return nil, err
	}
	if have, _ := c.whoHas(model); len(have) > 0 {
		return have, nil
	}
	if err := c.renewCatalogs(ctx, catalogPause); err != nil {
		return nil, err
	}
	have, unknown := c.whoHas(model)
	switch {
	case len(have) > 0:
		return have, nil
	case len(unknown) > 0:
		return unknown, nil
	}
	return c.servers, nil
}

func (c *Client) whoHas(model string) (have, unknown []*server) {
	for _, s := range c.servers {
		models, known := s.catalog.last()
		switch {
		case !known:
			unknown = append(unknown, s)
		case models[model]:
			have = append(have, s)
		}
	}
	return have, unknown
}

// renewCatalogs asks all servers at once what they have that were not asked within
// age. It fails only when ctx ends.
func (c *Client) renewCatalogs(ctx context.Context, age time.Duration) error {
	var asking []<-chan struct{}
	for _, s := range c.servers {
		if over := s.catalog.older(age); over != nil {
			asking = append(asking, over)
		}
	}
	for _, over := range asking {
		select {
		case <-over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
