package upstream_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/upstream"
)

// A model with one slot serves calls one after the other. Those that wait for too
// long in Ollama's own queue fail, but the model is not taken for one that hangs:
// it is neither probed nor unloaded.
func TestUnresponsive_BusyModel(t *testing.T) {
	var slot sync.Mutex
	var probes atomic.Int64
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"models":[]}`)
			return
		}
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "keep_alive") || strings.HasSuffix(r.URL.Path, "/generate") {
			probes.Add(1)
		}
		slot.Lock()
		defer slot.Unlock()
		select {
		case <-time.After(100 * time.Millisecond):
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		_, _ = io.WriteString(w, `{"message":{"content":"hi"},"done":true,"done_reason":"stop"}`+"\n")
	}))
	t.Cleanup(busy.Close)
	config := config(t, busy.URL)
	config.FirstTokenTimeout = 800 * time.Millisecond
	c := upstream.New(config)
	var served, late atomic.Int64
	var calls sync.WaitGroup
	for range 16 {
		calls.Go(func() {
			if _, _, _, err := collect(t.Context(), c, hi("tiny-chat")); err == nil {
				served.Add(1)
			} else {
				late.Add(1)
			}
		})
	}
	calls.Wait()
	if served.Load() == 0 || late.Load() == 0 {
		t.Fatalf("%d served and %d late: the test shows nothing", served.Load(), late.Load())
	}
	if u := c.Upstreams()[0]; len(u.Unresponsive) != 0 || u.State != upstream.Closed || probes.Load() != 0 {
		t.Errorf("%+v, %d probes", u, probes.Load())
	}
}

// A model with one slot that works on a whole answer says nothing to anybody
// meanwhile.
func TestUnresponsive_WorkingOnWholeAnswer(t *testing.T) {
	t.Parallel()
	c, s := hasty(t)
	done := make(chan struct{})
	s.Script("m", ollamatest.Until(done), ollamatest.Body([]byte("{}")))
	var calls sync.WaitGroup
	calls.Go(func() { wantWhole(t, c) })
	for len(s.To("/api/chat")) == 0 {
		time.Sleep(time.Millisecond)
	}
	_, _, err := relay(t.Context(), c, "m:latest", "b") // behind it
	wantError(t, err, ollama.ErrUnavailable)
	wantUnresponsive(t, c)
	close(done)
	calls.Wait()
	if n := len(s.To("/api/generate")); n != 0 {
		t.Errorf("%d probes and unloads", n)
	}
}

// hasty returns a client that waits for 100 ms, or for 600 ms for a whole answer,
// and its server.
func hasty(t *testing.T) (*upstream.Pool, *ollamatest.Server) {
	s := ollamatest.Start(t)
	c := config(t, s.URL)
	c.FirstTokenTimeout = 100 * time.Millisecond
	return upstream.New(c), s
}

var whole = upstream.Request{Path: "api/chat", Model: "m:latest", Whole: true}

func wantWhole(t *testing.T, c *upstream.Pool) {
	t.Helper()
	if status, text, err := relayTo(t.Context(), c, whole); status != 200 || text != "{}" || err != nil {
		t.Errorf("%d, %q, %v", status, text, err)
	}
}

func wantUnresponsive(t *testing.T, c *upstream.Pool, models ...string) {
	t.Helper()
	if unresponsive := c.Upstreams()[0].Unresponsive; !slices.Equal(unresponsive, models) {
		t.Errorf("unresponsive: %q, want %q", unresponsive, models)
	}
}

func TestUnresponsive_FoundByWholeAnswers(t *testing.T) {
	t.Parallel()
	c, s := hasty(t)
	s.Script("tiny-chat", ollamatest.Wedge())
	ask := upstream.Request{Path: "api/chat", Model: "tiny-chat:latest", Whole: true}
	_, _, err := relayTo(t.Context(), c, ask)
	wantError(t, err, ollama.ErrUnavailable)
	wantUnresponsive(t, c, "tiny-chat:latest")
	for begun := time.Now(); err != nil; _, _, err = relayTo(t.Context(), c, ask) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal(err)
		}
	}
	wantUnresponsive(t, c)
}

// Unloading a model would end all that it works on.
func TestProbe_NoUnloadBesideWholeAnswer(t *testing.T) {
	t.Parallel()
	c, s := hasty(t)
	done := make(chan struct{})
	s.Script("m", ollamatest.Until(done), ollamatest.Body([]byte("{}")))
	var calls sync.WaitGroup
	calls.Go(func() {
		time.Sleep(500 * time.Millisecond)
		wantWhole(t, c)
	})
	timeout := time.Now().Add(600 * time.Millisecond)
	_, _, err := relayTo(t.Context(), c, whole) // ends first
	wantError(t, err, ollama.ErrUnavailable)
	wantUnresponsive(t, c, "m:latest")
	probed := func(r ollamatest.Request) bool { return r.Begun.After(timeout) && !r.Ended.IsZero() }
	for !slices.ContainsFunc(s.To("/api/generate"), probed) {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(10 * time.Millisecond)
	close(done)
	calls.Wait()
	wantUnresponsive(t, c)
	for _, r := range s.To("/api/generate") {
		if strings.Contains(string(r.Body), "keep_alive") {
			t.Errorf("%s: unloaded", r.Body)
		}
	}
}

// Ollama refuses by itself what does not fit a model, also one that hangs.
func TestUnresponsive_RefusalsAreNoActivity(t *testing.T) {
	t.Parallel()
	c, s := hasty(t)
	s.Script("m", ollamatest.Hang())
	s.Script("/api/embed", ollamatest.Status(400, "this model does not support embeddings"))
	stop := make(chan struct{})
	var refused sync.WaitGroup
	refused.Go(func() {
		for ; ; time.Sleep(time.Millisecond) {
			select {
			case <-stop:
				return
			default:
				_, _, _ = relayTo(t.Context(), c, upstream.Request{Path: "api/embed", Model: "m:latest"})
			}
		}
	})
	_, _, err := relay(t.Context(), c, "m:latest", "")
	wantError(t, err, ollama.ErrUnavailable)
	wantUnresponsive(t, c, "m:latest")
	close(stop)
	refused.Wait()
}

func TestActivity_WorkingModelIsRemembered(t *testing.T) {
	t.Parallel()
	c, s := hasty(t)
	s.Script("m", ollamatest.Say("a"), ollamatest.Hang())
	a, err := c.Relay(t.Context(), upstream.Request{Path: "api/chat", Model: "m:latest", Body: ollama.NewBody([]byte(`{"model":"m"}`))})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	s.Script("/api/embed", ollamatest.Body([]byte("{}")))
	for i := range 1100 {
		if _, _, err := relayTo(t.Context(), c, upstream.Request{Path: "api/embed", Model: fmt.Sprintf("m%d:latest", i)}); err != nil {
			t.Fatal(err)
		}
	}
	s.Script("m", ollamatest.Hang())
	_, _, err = relay(t.Context(), c, "m:latest", "")
	wantError(t, err, ollama.ErrUnavailable)
	wantUnresponsive(t, c)
}
