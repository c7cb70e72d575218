package health

import (
	"context"
	"encoding/json"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

const (
	// probeWithin is how long a model that may be loaded gets to answer a probe, and how
	// long a call waits for that.
	probeWithin = 10 * time.Second
	// unloadEvery is how often a model may be unloaded to bring it back.
	unloadEvery = time.Minute
	// maxProbe bounds what is read of an answer to a probe.
	maxProbe = 16 << 20
)

// prober asks a server and its models whether they are alive, past queue and circuits.
type prober struct {
	server    *ollama.Server
	quick     ollama.Limits // of calls that no model works for
	firstByte time.Duration // how long a model may take
}

// Ping asks the server for its version, whatever its circuit breaker thinks.
func (p prober) Ping(ctx context.Context) error {
	a, err := p.server.Send(ctx, "api/version", nil, p.quick)
	if err != nil {
		return err
	}
	if a, err = a.OrError(); err != nil {
		return err
	}
	defer a.Close()
	_, err = a.ReadAll(64 << 10)
	return err
}

// Question is what a model is asked to find out whether it is alive: for one token, or
// for one vector. It leaves out keep_alive, and with that Ollama leaves the time that
// the model stays loaded as the calls before have set it.
type Question struct {
	Model  string
	Embeds bool        // it makes vectors, no text
	Load   ollama.Load // that of its calls: for another one Ollama would load it anew
}

// ask asks a model. An error of its own is an answer, too.
func (p prober) ask(ctx context.Context, q Question, within time.Duration) error {
	type options struct {
		NumPredict int   `json:"num_predict,omitempty"`
		NumCtx     int64 `json:"num_ctx,omitempty"`
	}
	if q.Embeds {
		type embed struct {
			Model   string  `json:"model"`
			Input   string  `json:"input"`
			Options options `json:"options,omitzero"`
		}
		return p.post(ctx, "api/embed", embed{q.Model, "hi", options{0, q.Load.NumCtx}}, within)
	}
	type generate struct {
		Model   string  `json:"model"`
		Prompt  string  `json:"prompt"`
		Stream  bool    `json:"stream"`
		Options options `json:"options"`
		Shift   *bool   `json:"shift,omitempty"`
	}
	return p.post(ctx, "api/generate", generate{q.Model, "hi", false, options{1, q.Load.NumCtx}, q.Load.Shift}, within)
}

// post sends a request, and reads its answer so that no connection is cut.
func (p prober) post(ctx context.Context, path string, request any, within time.Duration) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	a, err := p.server.Send(ctx, path, ollama.NewBody(body), ollama.Limits{FirstByte: within})
	if err != nil {
		return err
	}
	defer a.Close()
	_, err = a.ReadAll(maxProbe)
	return err
}

// recovery is how an unresponsive model is brought back.
type recovery struct {
	within   time.Duration // how long the model may take to answer a probe
	unloaded time.Time
}

// probe has the model say one token. When it does not, unloading brings back one that
// hangs; but not one that may be at work for others, whose answers that would end.
//
// From then on it has to be loaded, and Ollama gives that up when a probe does: it
// gets as long for it as any call.
func (m *model) probe() error {
	h, ctx := m.monitor, context.Background()
	if err := h.Ping(ctx); err != nil {
		h.trip() // it is not the model
		return err
	}
	h.mu.Lock()
	q, asked := m.question, time.Now()
	h.mu.Unlock()
	err := h.ask(ctx, q, m.within)
	if timedOut(err) && time.Since(m.unloaded) >= unloadEvery && !m.activeSince(asked) {
		err = m.reload(ctx, q)
	}
	if err == nil {
		m.within = m.circuit.patience
	}
	return err
}

func (m *model) activeSince(then time.Time) bool {
	m.monitor.mu.Lock()
	defer m.monitor.mu.Unlock()
	return m.active(then, false)
}

// reload unloads the model, and has it say one token.
func (m *model) reload(ctx context.Context, q Question) error {
	m.unloaded = time.Now()
	type unload struct {
		Model     string `json:"model"`
		KeepAlive int    `json:"keep_alive"`
	}
	if err := m.monitor.post(ctx, "api/generate", unload{q.Model, 0}, m.within); err != nil {
		return err
	}
	m.within = m.monitor.firstByte
	return m.monitor.ask(ctx, q, m.within)
}
