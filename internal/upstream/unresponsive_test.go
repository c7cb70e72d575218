package upstream_test

import (
	"bytes"
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/upstream"
)

// A model hangs while the rest of its server answers: its calls are refused, no
// others are, and unloading it brings it back.
func TestUnresponsive_WedgedModelIsBroughtBack(t *testing.T) {
	s := ollamatest.Start(t)
	s.Script("tiny-chat", ollamatest.Wedge())
	c := short(t, s)
	_, _, _, err := collect(t.Context(), c, hi("tiny-chat"))
	wantError(t, err, ollama.ErrUnavailable)
	if unresponsive := c.Upstreams()[0].Unresponsive; !slices.Equal(unresponsive, []string{"tiny-chat:latest"}) {
		t.Errorf("unresponsive: %q", unresponsive)
	}
	if _, err := c.Embed(t.Context(), upstream.Turn{}, "tiny-embed", []string{"x"}); err != nil {
		t.Errorf("another model: %v", err)
	}
	for begun := time.Now(); ; {
		text, _, _, err := collect(t.Context(), c, hi("tiny-chat"))
		if text == ollamatest.ChatAnswer {
			break
		}
		if e := wantError(t, err, ollama.ErrUnavailable); time.Since(begun) > 10*time.Second {
			t.Fatal(e)
		}
	}
	if u := c.Upstreams()[0]; len(u.Unresponsive) != 0 || u.State != upstream.Closed {
		t.Errorf("%+v, want that all is well", u)
	}
	if n := len(s.To("/api/chat")); n != 2 {
		t.Errorf("%d calls reached the model, want the first and the last", n)
	}
}

func TestUnresponsive_UnloadedOnceAMinute(t *testing.T) {
	for model, path := range map[string]string{"tiny-chat": "/api/generate", "tiny-embed": "/api/embed"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			s := ollamatest.Start(t)
			s.Script(model, ollamatest.Hang())
			config := config(t, s.URL)
			config.FirstTokenTimeout = 30 * time.Millisecond
			c := upstream.New(config)
			call := func() {
				if model == "tiny-chat" {
					_, _, _, err := collect(t.Context(), c, hi(model))
					wantError(t, err, ollama.ErrUnavailable)
					return
				}
				_, err := c.Embed(t.Context(), upstream.Turn{}, model, []string{"x"})
				wantError(t, err, ollama.ErrUnavailable)
			}
			timeout := time.Now().Add(config.FirstTokenTimeout) // of the first call
			if model == "tiny-embed" {
				timeout = time.Now().Add(6 * config.FirstTokenTimeout)
			}
			call()
			for begun := time.Now(); time.Since(begun) < 1500*time.Millisecond; time.Sleep(10 * time.Millisecond) {
				call()
			}
			unloads, probes := 0, 0
			for _, r := range s.Requests() {
				switch {
				case string(r.Body) == `{"model":"`+model+`:latest","keep_alive":0}`:
					unloads++
				case r.Begun.Before(timeout): // asked in the background
				case r.Path == path && bytes.Contains(r.Body, []byte(`:"hi"`)): // no call says so to this path
					probes++
				}
			}
			if unloads != 1 || probes < 2 || probes > 3 {
				t.Errorf("%d times unloaded and %d tokens asked for, want 1 and 2: at once, and a second later", unloads, probes)
			}
			if _, err := c.Tags(t.Context()); err != nil {
				t.Errorf("the server's others suffer: %v", err)
			}
		})
	}
}

func TestUnresponsive_OtherServer(t *testing.T) {
	servers, config := several(t, "m", "m")
	config.FirstTokenTimeout = 100 * time.Millisecond
	c := upstream.New(config)
	servers[0].Script("m", ollamatest.Hang())
	_, _, err := relay(t.Context(), c, "m:latest", "")
	wantError(t, err, ollama.ErrUnavailable)
	for range 5 {
		wantRelayed(t, c, "m:latest")
	}
	if n := len(servers[0].To("/api/chat")); n != 1 {
		t.Errorf("the unresponsive one was asked %d times", n)
	}
	if n := len(servers[1].To("/api/generate")); n != 0 {
		t.Errorf("the healthy server was probed %d times", n)
	}
}

// Calls for a model in doubt do not take up places that the server's others need.
func TestUnresponsive_OtherModels(t *testing.T) {
	s := ollamatest.Start(t)
	s.Script("tiny-chat", ollamatest.Hang())
	config := config(t, s.URL)
	config.FirstTokenTimeout, config.MaxInflight, config.MaxQueue, config.QueueTimeout = time.Second, 1, 100, time.Minute
	c := upstream.New(config)
	var over atomic.Int32
	var calls sync.WaitGroup
	for i := range 6 {
		calls.Go(func() {
			_, _, err := relay(t.Context(), c, "tiny-chat:latest", string(rune('a'+i)))
			wantError(t, err, ollama.ErrUnavailable)
			over.Add(1)
		})
	}
	for c.Stats().Waiting < 5 {
		time.Sleep(time.Millisecond)
	}
	if _, err := c.Embed(t.Context(), upstream.Turn{User: "z"}, "tiny-embed", []string{"x"}); err != nil || over.Load() != 1 {
		t.Errorf("%v, after %d calls for the unresponsive model, want after the first", err, over.Load())
	}
	calls.Wait()
	if n := len(s.To("/api/chat")); n != 1 {
		t.Errorf("the unresponsive model was asked %d times", n)
	}
}

// When the server itself is unresponsive, it is not only the model's breaker that opens.
func TestUnresponsive_WholeServer(t *testing.T) {
	hole, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	c := config(t, "http://"+hole.Addr().String())
	c.AllowCloud = true // else its list is waited for
	c.ConnectTimeout, c.FirstTokenTimeout = 30*time.Millisecond, 30*time.Millisecond
	client := upstream.New(c)
	_, _, err = relay(t.Context(), client, "m:latest", "")
	wantError(t, err, ollama.ErrUnavailable)
	for begun := time.Now(); client.State() == upstream.Closed; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("the breaker stays closed")
		}
	}
}

// Clients who leave say nothing about the model.
func TestUnresponsive_CancelledCalls(t *testing.T) {
	s := ollamatest.Start(t)
	s.Script("tiny-chat", ollamatest.Hang())
	c := newClient(t, s.URL)
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		_, _, _, _ = collect(ctx, c, hi("tiny-chat"))
		cancel()
	}
	if u := c.Upstreams()[0]; len(u.Unresponsive) != 0 || u.State != upstream.Closed || u.InFlight != 0 {
		t.Errorf("%+v", u)
	}
	if n := len(s.To("/api/generate")); n != 0 {
		t.Errorf("%d probes", n)
	}
}
