package upstream

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/upstream/health"
)

// Turn is for whom a model call is made, and how urgent it is.
type Turn struct {
	User  string // users take turns; "" is one, too
	Batch bool   // embeddings by the batch: interactive calls go first
	// Affinity is a number that calls share whose prompts begin alike: a server that
	// has served one has read most of the next; 0: none.
	Affinity uint64
	Begun    func() // called when the turn has come, before a server is asked; may be nil
}

// Request is a model call that is encoded already.
type Request struct {
	Turn  Turn
	Path  string // "api/chat", "v1/chat/completions"
	Model string // its canonical name; Body may spell it otherwise
	Body  *ollama.Body
	// Load is what Body says of how to load the model.
	Load ollama.Load
	// Whole: the answer begins when it is done. It may take health.WholeFactor times as
	// long as a first token: only then does its model seem to hang.
	Whole bool
}

// quickPath is the one path of a model's that the model does not work for.
const quickPath = "api/show"

// Relay sends a request to a server that has the model, when its turn has come, and
// returns the answer whatever its status; the caller must close it. That no server has
// the model, or that all of those that have it are full, is such an answer, too. It fails with ErrUnavailable, with ErrRemote, or with ctx's error.
func (p *Pool) Relay(ctx context.Context, r Request) (*ollama.Answer, error) {
	begun := time.Now()
	var away []*server         // those that certainly have not served the call
	var lost []*server         // of them, those that may come back while the call waits
	var refused *ollama.Answer // in which the last that answered says so
	var refusal error          // of the last that could not be asked
	for {
		holders, err := p.candidates(ctx, r, away)
		switch {
		case len(holders) == 0 && refused != nil:
			return refused, nil
		case len(holders) == 0:
			return nil, cmp.Or(err, refusal)
		}
		s, a, err := p.relayTo(ctx, r, slices.Concat(holders, lost), begun)
		var fault *ollama.Error
		switch {
		case errors.As(err, &fault) && fault.Unserved:
			away, refusal = append(away, s), err
			if !slices.Contains(lost, s) {
				lost = append(lost, s)
			}
		case err != nil:
			return nil, err
		case a == nil:
		case a.Unserved:
			away, refused = append(away, s), a
			if a.Status == http.StatusNotFound && len(p.servers) > 1 { // the model may have moved
				_ = p.renewCatalogs(ctx, catalogPause)
			}
		default:
			return a, nil
		}
	}
}

// relayTo sends a request to one of the servers, and returns which one it was, with
// neither answer nor error when that one became unhealthy meanwhile.
func (p *Pool) relayTo(ctx context.Context, r Request, holders []*server, begun time.Time) (*server, *ollama.Answer, error) {
	if r.Path == quickPath {
		s := slices.MinFunc(holders, func(a, b *server) int { return cmp.Compare(a.health.Level(r.Model), b.health.Level(r.Model)) })
		a, err := s.relay(ctx, r)
		return s, a, err
	}
	s, err := p.enter(ctx, r.Turn, r.Model, holders, begun)
	if err != nil {
		return nil, nil, err
	}
	if !p.allowCloud && p.lastWhereIs(r.Model).remote { // meanwhile
		p.queue.Leave(s.index, r.Turn.User)
		return s, nil, ollama.ErrModelRemote
	}
	if s.health.Level(r.Model) == health.Unhealthy { // the verdict must not be waited for in a place that others need
		p.queue.Leave(s.index, r.Turn.User)
		return s, nil, nil
	}
	if r.Turn.Begun != nil {
		r.Turn.Begun()
	}
	a, err := s.relay(ctx, r)
	if err != nil || a.Unserved {
		p.queue.Leave(s.index, r.Turn.User)
		return s, a, err
	}
	works := a.Status == http.StatusOK // else it is Ollama's own word
	if works {
		s.health.Began(r.Model)
	}
	if r.Whole { // the model is done: its place must not wait for who reads the answer
		p.queue.Leave(s.index, r.Turn.User)
	}
	a.OnEnd = func(err error) {
		if works {
			s.health.Ended(r.Model)
		}
		if err != nil {
			s.health.Note(r.Model, a, err)
		}
		if !r.Whole {
			p.queue.Leave(s.index, r.Turn.User)
		}
	}
	return s, a, nil
}

// candidates returns the servers that have the call's model and are not away, as soon as
// one of them is not unhealthy. None at all are left when all are away.
func (p *Pool) candidates(ctx context.Context, r Request, away []*server) ([]*server, error) {
	holders, err := p.holders(ctx, r.Model)
	if err != nil {
		return nil, err
	}
	if len(away) > 0 {
		holders = slices.DeleteFunc(slices.Clone(holders), func(s *server) bool { return slices.Contains(away, s) })
	}
	model := r.Model
	if r.Path == quickPath {
		model = ""
	}
	if len(holders) == 0 {
		return nil, nil
	}
	best, monitors := health.Unhealthy, make([]*health.Monitor, len(holders))
	for i, s := range holders { // all of them: being asked is what has an unhealthy one probed
		best, monitors[i] = min(best, s.health.Level(model)), s.health
	}
	if best == health.Unhealthy {
		if err := health.AdmitAny(ctx, model, monitors); err != nil {
			return nil, err
		}
	}
	return holders, nil
}
