// Package ollamatest is a stand-in for an Ollama server: it speaks the wire
// format of a real v0.17.4, with its texts, counts and error wordings, keeps an
// account of what it was asked, and fails on demand. The table in
// internal/ollama/contract_test.go runs against it and against a real server
// alike, which keeps it honest.
//
// Its models are those of internal/ollama/tinymodel:
//
//	tiny-chat    always gives ChatAnswer, in 23 pieces and 27 tokens
//	tiny-think   thinks five tokens, then answers "The answer is 42"
//	tiny-tools   gives a tool call as text
//	tiny-loop    counts through the Greek alphabet until cancelled, 1 ms a piece
//	tiny-slow    the same, 10 ms a piece
//	tiny-stuck   repeats one word; its stream ends without a done line
//	tiny-embed   gives unit vectors of 64 dimensions that differ by text
//
// It serves OpenAI's and Anthropic's dialects under /v1, too. Steps that stream
// lines of Ollama's own do not fit there; Raw does.
package ollamatest

import (
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Server is a test Ollama. New makes one that is a handler only; Start makes one
// that listens.
type Server struct {
	URL string // "http://127.0.0.1:PORT"

	routes map[string]route
	http   *http.Server
	serves sync.WaitGroup

	mu      sync.Mutex
	scripts map[string][]Step
	agent   agent
	log     []*Request
	active  int
	idle    chan struct{} // closed while active is 0
}

// New makes a test Ollama that is to be served by somebody else.
func New() *Server {
	s := &Server{scripts: map[string][]Step{}, idle: make(chan struct{})}
	close(s.idle)
	s.routes = map[string]route{
		"/":             {"GET, HEAD", heartbeat, nil},
		"/api/version":  {"GET, HEAD", version, nil},
		"/api/tags":     {"GET, HEAD", tags, nil},
		"/api/ps":       {"GET", ps, nil},
		"/api/show":     {"POST", show, nil},
		"/api/embed":    {"POST", embed, nil},
		"/api/chat":     ofModel(readNative(false)),
		"/api/generate": ofModel(readNative(true)),

		"/v1/models":           {"GET", openAIModels, nil},
		"/v1/embeddings":       {"POST", openAIEmbeddings, nil},
		"/v1/chat/completions": ofModel(readOpenAI(false)),
		"/v1/completions":      ofModel(readOpenAI(true)),
		"/v1/responses":        ofModel(readResponses),
		"/v1/messages":         ofModel(readMessages),
	}
	return s
}

// Start serves a test Ollama on a free port of the loopback address until the
// test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s := New()
	if err := s.listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func (s *Server) listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s.URL = "http://" + l.Addr().String()
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	s.serves.Go(func() { _ = s.http.Serve(l) })
	return nil
}

// Stop kills the server: its port refuses, and every connection is cut.
func (s *Server) Stop() {
	s.http.Close()
	s.serves.Wait()
	<-s.idleNow()
}

// Resume serves again after Stop, under the same URL.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	if err := s.listen(s.URL[len("http://"):]); err != nil {
		t.Fatal(err)
	}
}

// Script makes the server do steps in place of its usual answer, for every
// request to target, which is a model ("tiny-chat") or a route ("/api/tags").
// No steps bring the usual answer back. A chat that is scripted to its end
// without Done ends its stream without a done line.
func (s *Server) Script(target string, steps ...Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts[shortName(target)] = steps
}

func (s *Server) script(path, model string) []Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	if steps := s.scripts[path]; len(steps) > 0 {
		return steps
	}
	if steps := s.scripts[shortName(model)]; len(steps) > 0 {
		return steps
	}
	return []Step{Answer()}
}
