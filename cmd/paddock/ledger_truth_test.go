package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// truth is an Ollama that knows what it has served to whom: the tag of a model, "tiny-slow:c12", names the call.
type truth struct {
	URL    string
	ollama *ollamatest.Server

	mu     sync.Mutex
	served map[string]*served // by the model with its tag
}

// served is what the upstream did for a call.
type served struct {
	began              time.Time
	requests           int
	pieces             []time.Time // when each was written
	counted            bool        // it came to the end
	prompt, completion int64       // as it counted
}

func newTruth(t *testing.T) *truth {
	t.Helper()
	u := &truth{ollama: ollamatest.New(), served: map[string]*served{}}
	server := httptest.NewServer(u)
	t.Cleanup(server.Close)
	u.URL = server.URL
	return u
}

var taggedModel = regexp.MustCompile(`"model":"([a-z-]+):c[0-9]+"`)

func (u *truth) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	found := taggedModel.FindSubmatch(body)
	if found == nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		u.ollama.ServeHTTP(w, r)
		return
	}
	model := string(found[0][len(`"model":"`) : len(found[0])-1])
	u.of(model, func(s *served) { s.requests++ })
	untagged := bytes.Replace(body, found[0], []byte(`"model":"`+string(found[1])+`"`), 1)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(untagged)), int64(len(untagged))
	u.ollama.ServeHTTP(&witness{w, u, model}, r)
}

func (u *truth) of(model string, do func(*served)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.served[model] == nil {
		u.served[model] = &served{began: time.Now()}
	}
	do(u.served[model])
}

// witness notes what is written to a call: a whole line or event at a time.
type witness struct {
	http.ResponseWriter
	truth *truth
	model string
}

func (w *witness) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *witness) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	if err != nil {
		return n, err
	}
	_, data, isEvent := bytes.Cut(b, []byte("data: "))
	if !isEvent {
		data = b
	}
	var said struct {
		PromptEvalCount int64 `json:"prompt_eval_count"`
		EvalCount       int64 `json:"eval_count"`
		Usage           struct {
			PromptTokens     int64 `json:"prompt_tokens"`
			CompletionTokens int64 `json:"completion_tokens"`
			OutputTokens     int64 `json:"output_tokens"`
			InputTokens      int64 `json:"input_tokens"`
		}
	}
	_ = json.Unmarshal(data, &said)
	prompt := max(said.PromptEvalCount, said.Usage.PromptTokens, said.Usage.InputTokens)
	completion := max(said.EvalCount, said.Usage.CompletionTokens, said.Usage.OutputTokens)
	isPiece := bytes.Contains(b, []byte(`"done":false`)) || bytes.Contains(b, []byte(`"finish_reason":null`)) ||
		bytes.Contains(b, []byte(`"content_block_delta"`))
	w.truth.of(w.model, func(s *served) {
		switch {
		case isPiece:
			s.pieces = append(s.pieces, time.Now())
		case prompt > 0:
			s.counted, s.prompt, s.completion = true, prompt, completion
		}
	})
	return n, nil
}
