package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

const (
	// probeWithin is how long a model that may be loaded gets to answer a probe, and how
	// long a call waits for that.
	probeWithin = 10 * time.Second
	// unloadEvery is how often a model may be unloaded to bring it back.
	unloadEvery = time.Minute
)

// silence is a model that once did not answer in time.
type silence struct {
	breaker
	server   *server
	question atomic.Pointer[question]

	// Used by one probe at a time.
	within   time.Duration // how long the model may take to answer a probe
	unloaded time.Time
}

func newSilence(s *server, q question) *silence {
	m := &silence{server: s}
	m.question.Store(&q)
	m.within = min(probeWithin, s.model.FirstByte)
	m.breaker = breaker{
		probe:     m.probe,
		tripAfter: 1,
		patience:  m.within,
		err:       ollama.ErrTimeout,
		onClose: func() {
			s.pulses.alive(q.model)
			s.onReady()
		},
	}
	return m
}

// probe has the model say one token. When it does not, unloading brings back one
// that hangs; but not one that may be at work for others, whose answers that would
// end.
//
// From then on it has to be loaded, and Ollama gives that up when a probe does: it
// gets as long for it as any call.
func (m *silence) probe() error {
	if err := m.server.ping(context.Background()); err != nil {
		m.server.breaker.trip() // it is not the model
		return err
	}
	asked := time.Now()
	err := m.say()
	if isSilent(err) && !m.server.pulses.excuse(m.question.Load().model, asked, false) && time.Since(m.unloaded) >= unloadEvery {
		err = m.reload()
	}
	if err == nil {
		m.within = m.patience
	}
	return err
}

// reload unloads the model, and has it say one token.
func (m *silence) reload() error {
	m.unloaded = time.Now()
	type unload struct {
		Model     string `json:"model"`
		KeepAlive int    `json:"keep_alive"`
	}
	if err := m.server.put(context.Background(), "api/generate", unload{m.question.Load().model, 0}, m.within); err != nil {
		return err
	}
	m.within = m.server.model.FirstByte
	return m.say()
}

func (m *silence) say() error {
	return m.server.question(context.Background(), *m.question.Load(), m.within)
}

// question is what a model is asked to find out whether it is alive: for one token, or
// for one vector. It leaves out keep_alive, and with that Ollama leaves the time that
// the model stays loaded as the calls before have set it.
type question struct {
	model  string
	embeds bool        // it makes vectors, no text
	load   ollama.Load // that of its calls: for another one Ollama would load it anew
}

func questionOf(r Request) question {
	return question{r.Model, strings.Contains(r.Path, "embed"), r.Load}
}

// question asks a model. An error of its own is an answer, too.
func (s *server) question(ctx context.Context, q question, within time.Duration) error {
	type options struct {
		NumPredict int   `json:"num_predict,omitempty"`
		NumCtx     int64 `json:"num_ctx,omitempty"`
	}
	if q.embeds {
		type embed struct {
			Model   string  `json:"model"`
			Input   string  `json:"input"`
			Options options `json:"options,omitzero"`
		}
		return s.put(ctx, "api/embed", embed{q.model, "hi", options{0, q.load.NumCtx}}, within)
	}
	type generate struct {
		Model   string  `json:"model"`
		Prompt  string  `json:"prompt"`
		Stream  bool    `json:"stream"`
		Options options `json:"options"`
		Shift   *bool   `json:"shift,omitempty"`
	}
	return s.put(ctx, "api/generate", generate{q.model, "hi", false, options{1, q.load.NumCtx}, q.load.Shift}, within)
}

// maxProbe bounds the answer to a probe.
const maxProbe = 16 << 20

// put sends a request past breakers and queue, and reads its answer so that no
// connection is cut.
func (s *server) put(ctx context.Context, path string, request any, within time.Duration) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	a, err := s.wire.Send(ctx, path, ollama.NewBody(body), ollama.Limits{FirstByte: within})
	if err != nil {
		return err
	}
	defer a.Close()
	_, err = a.ReadAll(maxProbe)
	return err
}

func isSilent(err error) bool {
	var fault *ollama.Error
	return errors.As(err, &fault) && fault.TimedOut
}
