package health

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// slowLoader is a model that hangs. Once unloaded it answers when it is loaded
// again, which a client who leaves puts an end to.
type slowLoader struct {
	mu    sync.Mutex
	loads []time.Duration // how long each will take; nil before it is unloaded
}

func (l *slowLoader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/api/version" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if strings.Contains(string(body), "keep_alive") {
		l.loads = []time.Duration{time.Minute, 200 * time.Millisecond}
		return
	}
	load := time.Minute
	if len(l.loads) > 0 {
		load, l.loads = l.loads[0], l.loads[1:]
	}
	select {
	case <-time.After(load):
	case <-r.Context().Done():
	}
}

// What Ollama has to load takes longer to answer than what it has loaded, and
// only as long as somebody waits for it.
func TestProbe_SlowLoad(t *testing.T) {
	loader := httptest.NewServer(&slowLoader{})
	t.Cleanup(loader.Close)
	base, err := url.Parse(loader.URL)
	if err != nil {
		t.Fatal(err)
	}
	server := ollama.NewServer("s", base, time.Minute)
	h := New(server, ollama.Limits{FirstByte: time.Minute}, 600*time.Millisecond, func() {})
	m := newModel(h)
	m.question.Model = "m"
	m.circuit.patience, m.within = 100*time.Millisecond, 100*time.Millisecond
	if err := m.probe(); !timedOut(err) {
		t.Errorf("%v, though the first load hangs", err)
	}
	if err := m.probe(); err != nil {
		t.Errorf("%v, though it can load in time", err)
	}
	if m.within != m.circuit.patience {
		t.Errorf("a loaded model gets %v", m.within)
	}
}
