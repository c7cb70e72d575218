// Package ollamatest is a stand-in for an Ollama server: it speaks the wire
// format of a real v0.17.4, with its texts, counts and error wordings, keeps an
// account of what it was asked, and fails on demand. The tables in
// internal/ollama/contract_test.go and wire_test.go run against it and against a
// real server alike, which keeps it honest.
//
// Its models are those of internal/ollama/tinymodel, and one more:
//
//	tiny-chat    always gives ChatAnswer, in 23 pieces and 27 tokens
//	tiny-think   thinks five tokens, then answers "The answer is 42"
//	tiny-tools   gives a call of get_weather, as text where no such tool is offered
//	tiny-loop    counts through the Greek alphabet until cancelled, 1 ms a piece
//	tiny-slow    the same, 10 ms a piece
//	tiny-stuck   repeats one word; its stream ends without a done line
//	tiny-embed   gives unit vectors of 64 dimensions that differ by text
//	tiny-agent   calls a tool that it is offered, and tells what came of it
//
// Asked for JSON they give {"name":"get_weather",…} where that fits the schema,
// else a value that does.
//
// It takes what a real server takes, in every dialect: Ollama's own, OpenAI's
// chat completions, completions, embeddings and responses, Anthropic's messages.
// A request is put into Ollama's terms (chatRequest), answered there (reply), and
// the answer is written by the dialect of its route.
//
// What differs from a real server is asked for:
//
//	Script     answers by steps: Wait, Say, Think, Call, Done, Fail, Hang, Cut, …
//	Always     does steps before every answer of a model: silence, a slow Pace, Frame
//	CallTool   decides what tiny-agent calls; Silence, how long it is silent before
//	Add        adds models, such as those that run on ollama.com
//	AddEntry   adds what is no model to the list of them
//	Newer      answers as 0.33 does
package ollamatest

import (
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
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
	always  []Step
	agent   agent
	added   []Model
	entries []json.RawMessage // of the list, that are no models
	newer   bool
	log     []*Request
	bodies  int // from which on the log has them
	kept    int // bytes of them
	active  int
	idle    chan struct{} // closed while active is 0
}

// New makes a test Ollama that is to be served by somebody else.
func New() *Server {
	s := &Server{scripts: map[string][]Step{}, idle: make(chan struct{})}
	close(s.idle)
	s.routes = map[string]route{
		"/":               {"GET, HEAD", heartbeat, nil},
		"/api/version":    {"GET, HEAD", version, nil},
		"/api/tags":       {"GET, HEAD", tags, nil},
		"/api/ps":         {"GET", ps, nil},
		"/api/show":       {"POST", show, nil},
		"/api/embed":      {"POST", embed, nil},
		"/api/embeddings": {"POST", legacyEmbeddings, nil},
		"/api/chat":       ofModel(readNative(false)),
		"/api/generate":   ofModel(readNative(true)),

		"/v1/models":           {"GET", openAIModels, nil},
		"/v1/models/":          {"GET", openAIModelOf, nil}, // and a name
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

// Always makes the server do steps before those of Script, or before its usual
// answer, for every request to a model.
func (s *Server) Always(steps ...Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always = steps
}

// script returns the steps of an answer.
func (s *Server) script(x *exchange) []Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	steps := []Step{Answer()}
	for _, target := range []string{shortName(x.model), x.r.URL.Path} {
		if scripted := s.scripts[target]; len(scripted) > 0 {
			steps = scripted
		}
	}
	if x.route.read != nil {
		steps = slices.Concat(s.always, steps)
	}
	return steps
}

// route returns the route of a path.
func (s *Server) route(path string) (route, bool) {
	const models = "/v1/models/"
	if name, ok := strings.CutPrefix(path, models); ok && name != "" && !strings.Contains(name, "/") {
		return s.routes[models], true
	}
	r, ok := s.routes[path]
	return r, ok && path != models
}
