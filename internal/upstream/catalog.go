package upstream

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
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
	unknown []*server // may have it: what they list is not known, or not any more
	remote  bool      // by its name, or as one of the servers lists it
}

// whereIs returns where a model is. It waits for lists that are old, and for new
// ones when no server lists the model. It fails only when ctx ends.
func (p *Pool) whereIs(ctx context.Context, model string) (whereabouts, error) {
	if err := p.renewCatalogs(ctx, catalogOldAfter); err != nil {
		return whereabouts{}, err
	}
	if w := p.lastWhereIs(model); len(w.have) > 0 {
		return w, nil
	}
	if err := p.renewCatalogs(ctx, catalogPause); err != nil {
		return whereabouts{}, err
	}
	return p.lastWhereIs(model), nil
}

func (p *Pool) lastWhereIs(model string) whereabouts {
	w := whereabouts{remote: ollama.IsCloudName(model)}
	for _, s := range p.servers {
		models, known, err := s.catalog.last()
		m, has := models[model]
		w.remote = w.remote || m.remote
		switch {
		case has:
			w.have = append(w.have, s)
		case !known || err != nil:
			w.unknown = append(w.unknown, s)
		}
	}
	return w
}

// holders returns the servers that have the model as far as is known. If none has,
// it returns all: it is theirs to say so. But as long as a server's list is not known,
// the model may be that server's, and remote: then holders returns those servers if
// remote models are allowed, and else fails with ErrUnavailable. It fails with
// ErrRemote when the model must not be called.
func (p *Pool) holders(ctx context.Context, model string) ([]*server, error) {
	switch {
	case model == "", len(p.servers) == 1 && p.allowCloud:
		return p.servers, nil
	case !p.allowCloud && ollama.IsCloudName(model):
		return nil, ollama.ErrModelRemote
	}
	w, err := p.whereIs(ctx, model)
	switch {
	case err != nil:
		return nil, err
	case w.remote && !p.allowCloud:
		return nil, ollama.ErrModelRemote
	case len(w.have) > 0:
		return w.have, nil
	case len(w.unknown) > 0 && p.allowCloud:
		return w.unknown, nil
	case len(w.unknown) > 0:
		return nil, unlisted(w.unknown)
	}
	return p.servers, nil
}

// IsRemote reports whether the model of that canonical name runs elsewhere than on
// the servers: on ollama.com by its name, or because one of them lists it so. It waits
// for a list only when none is known or it is old. It fails with ErrUnavailable when
// no server lists the model and one of them cannot be asked, and with ctx's error.
func (p *Pool) IsRemote(ctx context.Context, model string) (bool, error) {
	if model == "" || ollama.IsCloudName(model) {
		return model != "", nil
	}
	w, err := p.whereIs(ctx, model)
	if err == nil && !w.remote && len(w.have) == 0 && len(w.unknown) > 0 {
		err = unlisted(w.unknown)
	}
	return w.remote, err
}

// unlisted returns why it is not known what one of the servers lists: the error of
// the last of them.
func unlisted(unknown []*server) error {
	s := unknown[len(unknown)-1]
	if err := s.health.Refusal(); err != nil { // with when to ask again
		return err
	}
	_, _, err := s.catalog.last()
	if err == nil || errors.Is(err, ollama.ErrUnavailable) {
		return cmp.Or(err, error(ollama.ErrUnreachable))
	}
	return ollama.ErrUnlisted.WithCause(err)
}

// Lists reports whether one of the servers lists the model of that canonical name, as far as is known: it does not wait.
func (p *Pool) Lists(model string) bool {
	for _, s := range p.servers {
		models, _, _ := s.catalog.last()
		if _, has := models[model]; has {
			return true
		}
	}
	return false
}

// renewCatalogs asks all servers at once what they have that were not asked within
// age. It fails only when ctx ends.
func (p *Pool) renewCatalogs(ctx context.Context, age time.Duration) error {
	var asking []<-chan struct{}
	for _, s := range p.servers {
		if over := s.catalog.older(age); over != nil {
			asking = append(asking, over)
		}
	}
	for _, over := range asking {
		if err := wait(ctx, over); err != nil {
			return err
		}
	}
	return nil
}
