package ollama

import (
	"context"
	"encoding/json"
	"errors"
	"time"
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
	server *server
	model  string
	embeds bool // it makes vectors, no text

	// Used by one probe at a time.
	within   time.Duration // how long the model may take to answer a probe
	unloaded time.Time
}

func newSilence(s *server, model string, embeds bool) *silence {
	m := &silence{server: s, model: model, embeds: embeds}
	m.within = min(probeWithin, s.model.firstByte)
	m.breaker = breaker{
		probe:     m.probe,
		tripAfter: 1,
		patience:  m.within,
		message:   messageSilent,
		onClose:   func() { s.queue.serve(s) },
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
	if isSilent(err) && !m.server.pulses.excuse(m.model, asked, false) && time.Since(m.unloaded) >= unloadEvery {
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
	if err := m.ask("api/generate", unload{m.model, 0}); err != nil {
		return err
	}
	m.within = m.server.model.firstByte
	return m.say()
}

// say has the model say one token. An error of its own is an answer, too.
func (m *silence) say() error {
	if m.embeds {
		type embed struct {
			Model string `json:"model"`
			Input string `json:"input"`
		}
		return m.ask("api/embed", embed{m.model, "hi"})
	}
	type generate struct {
		Model   string         `json:"model"`
		Prompt  string         `json:"prompt"`
		Stream  bool           `json:"stream"`
		Options map[string]int `json:"options"`
	}
	return m.ask("api/generate", generate{m.model, "hi", false, map[string]int{"num_predict": 1}})
}

// ask sends a request past breakers and queue, and reads its answer so that no
// connection is cut.
func (m *silence) ask(path string, request any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	a, err := m.server.send(context.Background(), path, NewBody(body), limits{firstByte: m.within})
	if err != nil {
		return err
	}
	defer a.Close()
	_, err = a.readAll(maxMetadata)
	return err
}

func isSilent(err error) bool {
	var fault *Error
	return errors.As(err, &fault) && fault.silent
}
