package upstream_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// slots is a server whose model "m" works on as many calls at once as it has slots.
type slots struct {
	*httptest.Server
	free   chan struct{}
	prompt time.Duration // how long a chat's takes to read
	wedged atomic.Bool   // the model does nothing until it is unloaded

	mu       sync.Mutex
	asked    []string        // bodies of what is no chat
	answered []time.Duration // how long it took to answer those, or until the client had left
	unloads  int
}

func newSlots(t *testing.T, n int, prompt time.Duration) *slots {
	s := &slots{free: make(chan struct{}, n), prompt: prompt}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *slots) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path {
	case "/api/version":
		_, _ = io.WriteString(w, `{"version":"0.33.0"}`)
	case "/api/tags":
		_, _ = io.WriteString(w, `{"models":[{"name":"m:latest"}]}`)
	case "/api/chat":
		s.work(w, r, s.prompt)
	default:
		if strings.Contains(string(body), "keep_alive") {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.unloads++
			s.wedged.Store(false)
			return
		}
		begun := time.Now()
		s.work(w, r, 0)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked, s.answered = append(s.asked, string(body)), append(s.answered, time.Since(begun))
	}
}

func (s *slots) work(w http.ResponseWriter, r *http.Request, prompt time.Duration) {
	select {
	case s.free <- struct{}{}:
		defer func() { <-s.free }()
	case <-r.Context().Done():
		return
	}
	for begun := time.Now(); s.wedged.Load() || time.Since(begun) < prompt; time.Sleep(time.Millisecond) {
		if r.Context().Err() != nil {
			return
		}
	}
	_, _ = io.WriteString(w, `{"message":{"content":"hi"},"done":true,"done_reason":"stop"}`+"\n")
}

func (s *slots) seen() (asked []string, answered []time.Duration, unloads int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked), slices.Clone(s.answered), s.unloads
}
