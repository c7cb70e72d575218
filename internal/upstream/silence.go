package upstream

import "sync"

// maxSilences bounds how many models of a server are watched.
const maxSilences = 256

// silences are the models of a server that once did not answer in time. A lost
// client may leave a model of Ollama hanging for good while /api/tags answers,
// so each of them has a circuit breaker of its own, whose probe has it say one
// token.
type silences struct {
	mu      sync.Mutex
	byModel map[string]*silence
}

// of gives the breaker of a model, nil for one that never was silent.
func (s *silences) of(model string) *breaker {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.byModel[model]; m != nil {
		return &m.breaker
	}
	return nil
}

// answered reports that a model did.
func (s *silences) answered(model string) {
	if b := s.of(model); b != nil {
		b.succeeded()
	}
}

// wasSilent reports that a model did not answer in time, and has it probed.
func (s *server) wasSilent(q question) {
	m := s.silences.watch(q.model, func() *silence { return newSilence(s, q) })
	if m == nil {
		s.breaker.failed() // so many models at once are the server itself
		return
	}
	s.pulses.change(q.model, (*pulse).stopAsking)
	m.question.Store(&q)
	m.failed()
	m.ready()
}

// watch gives the record of a model, nil when too many others are silent.
func (s *silences) watch(model string, begin func() *silence) *silence {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.byModel[model]; m != nil {
		return m
	}
	if len(s.byModel) >= maxSilences {
		s.forget()
	}
	if len(s.byModel) >= maxSilences {
		return nil
	}
	if s.byModel == nil {
		s.byModel = map[string]*silence{}
	}
	m := begin()
	s.byModel[model] = m
	return m
}

// forget drops models that answer again. It wants s.mu held.
func (s *silences) forget() {
	for model, m := range s.byModel {
		if m.State() == Closed {
			delete(s.byModel, model)
		}
	}
}

// doubted reports whether a model is silent now.
func (s *silences) doubted(model string) bool {
	b := s.of(model)
	return b != nil && b.State() != Closed
}

// models lists those that are silent now.
func (s *silences) models() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for model, m := range s.byModel {
		if m.State() != Closed {
			list = append(list, model)
		}
	}
	return list
}
