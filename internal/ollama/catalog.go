package ollama

import (
	"context"
	"errors"
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

// listed is what a server's list says of a model.
type listed struct {
	remote bool // it runs elsewhere
}

// names returns the models that the server lists, by canonical name.
func (s *server) names(ctx context.Context) (map[string]listed, error) {
	list, err := s.tags(ctx)
	names := make(map[string]listed, len(list))
	for _, m := range list {
		names[m.Name] = listed{remote: m.Remote}
	}
	return names, err
}

// whereabouts are what is known of the servers that a call for a model may go to.
type whereabouts struct {
	have    []*server // list it
	unknown []*server // have never told what they list
	remote  bool      // by its name, or as one of the servers lists it
}

// whereIs returns where a model is. It waits for lists that are old, and for new
// ones when no server lists the model. It fails only when ctx ends.
func (c *Client) whereIs(ctx context.Context, model string) (whereabouts, error) {
	if err := c.renewCatalogs(ctx, catalogOldAfter); err != nil {
		return whereabouts{}, err
	}
	if w := c.lastWhereIs(model); len(w.have) > 0 {
		return w, nil
	}
	if err := c.renewCatalogs(ctx, catalogPause); err != nil {
		return whereabouts{}, err
	}
	return c.lastWhereIs(model), nil
}

func (c *Client) lastWhereIs(model string) whereabouts {
	w := whereabouts{remote: IsCloudName(model)}
	for _, s := range c.servers {
		models, known := s.catalog.last()
		m, has := models[model]
		w.remote = w.remote || m.remote
		switch {
		case !known:
			w.unknown = append(w.unknown, s)
		case has:
			w.have = append(w.have, s)
		}
	}
	return w
}

// holders returns the servers that have the model as far as is known, else those
// of which nothing is known, else all: it is theirs to say that they do not have
// it. It fails with ErrRemote when the model must not be called.
func (c *Client) holders(ctx context.Context, model string) ([]*server, error) {
	switch {
	case model == "", len(c.servers) == 1 && c.allowCloud:
		return c.servers, nil
	case !c.allowCloud && IsCloudName(model):
		return nil, errRemote
	}
	w, err := c.whereIs(ctx, model)
	switch {
	case err != nil:
		return nil, err
	case w.remote && !c.allowCloud:
		return nil, errRemote
	case len(w.have) > 0:
		return w.have, nil
	case len(w.unknown) > 0:
		return w.unknown, nil
	}
	return c.servers, nil
}

var errRemote = &Error{Kind: ErrRemote, Message: messageRemote}

// IsRemote reports whether the model of that canonical name runs elsewhere than on
// the servers: on ollama.com by its name, or because one of them lists it so. It waits
// for a list only when none is known or it is old. It fails with ErrUnavailable when
// no server can be asked what it has, and with ctx's error.
func (c *Client) IsRemote(ctx context.Context, model string) (bool, error) {
	if model == "" || IsCloudName(model) {
		return model != "", nil
	}
	w, err := c.whereIs(ctx, model)
	if err == nil && len(w.unknown) == len(c.servers) {
		err = c.awayErr()
	}
	return w.remote, err
}

// awayErr returns why no server can be reached of those that never told what they
// list; nil if one can.
func (c *Client) awayErr() (err error) {
	for _, s := range c.servers {
		if err = s.breaker.refused(); err != nil { // with when to ask again
			continue
		}
		if err = s.catalog.lastErr(); !errors.Is(err, ErrUnavailable) {
			return nil
		}
	}
	return err
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
