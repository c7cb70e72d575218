package ollama_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// A model with one slot serves calls one after the other. Those that wait for too
// long in Ollama's own queue fail, but the model is not taken for one that hangs:
// it is neither probed nor unloaded.
func TestABusyModelIsNoSilentOne(t *testing.T) {
	var slot sync.Mutex
	var probes atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	t.Cleanup(upstream.Close)
	config := config(t, upstream.URL)
	config.FirstTokenTimeout = 250 * time.Millisecond
	c := ollama.New(config)
	var served, late atomic.Int64
	var calls sync.WaitGroup
	for range 12 {
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
	if u := c.Upstreams()[0]; len(u.Silent) != 0 || u.State != ollama.Closed || probes.Load() != 0 {
		t.Errorf("%+v, %d probes", u, probes.Load())
	}
}
