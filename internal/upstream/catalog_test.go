package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// A list is used while a new one is asked for, but not once it is old: then the
// call waits.
func TestCatalog_OldList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var holder atomic.Value
		c := &Pool{}
		for _, name := range []string{"s", "t"} {
			s := &server{name: name}
			s.catalog = cached[map[string]listed]{freshFor: catalogFreshFor, ask: func(context.Context) (map[string]listed, error) {
				time.Sleep(time.Second)
				if name != holder.Load() {
					return nil, nil
				}
				return map[string]listed{"m": {}}, nil
			}}
			c.servers = append(c.servers, s)
		}
		for _, x := range []struct {
			after time.Duration
			moves string // to where the model is
			goes  string // to where the call goes
			waits time.Duration
		}{
			{0, "s", "s", time.Second},
			{catalogFreshFor, "t", "s", 0},
			{time.Second, "t", "s", 0}, // the list is renewed behind this call
			{2 * time.Second, "t", "t", 0},
			{catalogOldAfter, "s", "s", time.Second},
		} {
			time.Sleep(x.after)
			holder.Store(x.moves)
			begun := time.Now()
			holders, err := c.holders(t.Context(), "m")
			if err != nil || len(holders) != 1 || holders[0].name != x.goes || time.Since(begun) != x.waits {
				t.Errorf("%+v: %d holders, %v, after %v", x, len(holders), err, time.Since(begun))
			}
		}
	})
}

// A model is known to be remote as soon as a list is renewed, and nobody waits for
// that but when the list is old or lacks the model.
func TestIsRemote_GoesByTheLastList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var catalog atomic.Value
		c := &Pool{}
		s := &server{name: "s"}
		s.catalog = cached[map[string]listed]{freshFor: catalogFreshFor, ask: func(context.Context) (map[string]listed, error) {
			time.Sleep(time.Second)
			return catalog.Load().(map[string]listed), nil
		}}
		c.servers = []*server{s}
		for i, x := range []struct {
			after   time.Duration
			catalog map[string]listed // from then on
			remote  bool
			waits   time.Duration
		}{
			{0, map[string]listed{"m": {}}, false, time.Second},
			{time.Second, map[string]listed{"m": {remote: true}}, false, 0},
			{catalogFreshFor, map[string]listed{"m": {remote: true}}, false, 0}, // the list is renewed behind this call
			{2 * time.Second, map[string]listed{"m": {remote: true}}, true, 0},
			{catalogOldAfter, map[string]listed{}, false, time.Second},
			{catalogPause / 2, map[string]listed{"m": {remote: true}}, false, 0},
			{catalogPause, map[string]listed{"m": {remote: true}}, true, time.Second},
		} {
			time.Sleep(x.after)
			catalog.Store(x.catalog)
			begun := time.Now()
			remote, err := c.IsRemote(t.Context(), "m")
			if remote != x.remote || err != nil || time.Since(begun) != x.waits {
				t.Errorf("%d: %v, %v, after %v", i, remote, err, time.Since(begun))
			}
		}
	})
}

// A call that waits for its turn is refused if its model has become remote meanwhile.
func TestRelay_ModelBecomesRemote(t *testing.T) {
	var calls atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/tags":
			_, _ = io.WriteString(w, `{"models":[{"name":"m"}]}`)
		case "/api/chat":
			calls.Add(1)
		}
	}))
	t.Cleanup(upstream.Close)
	base, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := New(Config{
		BaseURLs: []*url.URL{base}, ConnectTimeout: time.Second, FirstTokenTimeout: time.Minute,
		MaxInflight: 1, MaxQueue: 1, QueueTimeout: time.Minute,
	})
	r := Request{Path: "api/chat", Model: "m:latest", Body: ollama.NewBody([]byte("{}"))}
	a, err := c.Relay(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan error)
	go func() {
		_, err := c.Relay(t.Context(), r)
		waited <- err
	}()
	for c.Stats().Waiting == 0 {
		time.Sleep(time.Millisecond)
	}
	catalog := &c.servers[0].catalog
	catalog.mu.Lock()
	catalog.value = map[string]listed{"m:latest": {remote: true}}
	catalog.mu.Unlock()
	a.Close()
	if err := <-waited; !errors.Is(err, ollama.ErrRemote) || calls.Load() != 1 {
		t.Errorf("%v, %d calls, want ErrRemote for the second", err, calls.Load())
	}
	if n := c.Upstreams()[0].InFlight; n != 0 {
		t.Errorf("%d in flight", n)
	}
}
