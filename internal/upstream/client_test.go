package upstream_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/upstream"
)

func TestBreaker_DeadServerComesBack(t *testing.T) {
	s := ollamatest.Start(t)
	c := newClient(t, s.URL)
	s.Stop()
	for range 3 {
		_, err := c.Models(t.Context())
		wantError(t, err, ollama.ErrUnavailable)
	}
	_, err := c.Embed(t.Context(), upstream.Turn{}, "tiny-embed", []string{"x"})
	wantError(t, err, ollama.ErrUnavailable)
	if c.State() != upstream.Open {
		t.Errorf("circuit breaker is %v, want open", c.State())
	}
	if err := c.Ping(t.Context())[0].Err; !errors.Is(err, ollama.ErrUnavailable) {
		t.Errorf("ping: %v, want ErrUnavailable", err)
	}

	s.Resume(t)
	if err := c.Ping(t.Context())[0].Err; err != nil {
		t.Errorf("ping: %v, though the upstream is back", err)
	}
	wantRecovery(t, c)
}

// wantRecovery checks that calls go through again after a while.
func wantRecovery(t *testing.T, c *upstream.Pool) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		_, err := c.Embed(t.Context(), upstream.Turn{}, "tiny-embed", []string{"x"})
		if err == nil && c.State() == upstream.Closed {
			return
		}
		if !errors.Is(err, ollama.ErrUnavailable) || time.Since(begun) > 10*time.Second {
			t.Fatalf("%v, circuit breaker is %v", err, c.State())
		}
	}
}

func TestBreaker_AnswersDoNotOpenIt(t *testing.T) {
	for name, x := range map[string]struct {
		script ollamatest.Step
		state  upstream.State
	}{
		"cut":         {ollamatest.Cut(), upstream.HalfOpen},
		"model error": {ollamatest.Status(500, "failed"), upstream.Closed},
		"not found":   {ollamatest.Status(404, "not found"), upstream.Closed},
		"queue full":  {ollamatest.QueueFull(), upstream.Closed},
		"error line":  {ollamatest.Fail("failed"), upstream.Closed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ollamatest.Start(t)
			s.Script("tiny-chat", x.script)
			c := short(t, s)
			for range 3 {
				if _, _, _, err := collect(t.Context(), c, hi("tiny-chat")); err == nil {
					t.Error("no error")
				}
			}
			if c.State() != x.state {
				t.Errorf("circuit breaker is %v, want %v", c.State(), x.state)
			}
			wantRecovery(t, c) // at once: one failing model does not close the others off
		})
	}
}

func TestBreaker_CancelledCallsDoNotOpenIt(t *testing.T) {
	s := ollamatest.Start(t)
	s.Script("tiny-chat", ollamatest.Hang())
	s.Script("tiny-embed", ollamatest.Hang())
	c := newClient(t, s.URL)
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		if _, _, _, err := collect(ctx, c, hi("tiny-chat")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("chat: %v, want the caller's deadline", err)
		}
		if _, err := c.Embed(ctx, upstream.Turn{}, "tiny-embed", []string{"x"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("embed: %v, want the caller's deadline", err)
		}
		cancel()
	}
	if c.State() != upstream.Closed {
		t.Errorf("circuit breaker is %v, want closed", c.State())
	}
}

// A dial time-out is a context.DeadlineExceeded as well: nobody may take it for
// the caller's own.
func TestRelay_OwnTimeouts(t *testing.T) {
	s := ollamatest.Start(t)
	s.Script("tiny-chat", ollamatest.Hang())
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, c := range map[string]upstream.Config{
		"first token": config(t, s.URL),
		"connect":     config(t, "https://"+silent.Addr().String()), // in the TLS handshake
	} {
		c.FirstTokenTimeout, c.ConnectTimeout = time.Second, 30*time.Millisecond
		if name == "first token" {
			c.FirstTokenTimeout = 30 * time.Millisecond
		}
		_, _, _, err := collect(t.Context(), upstream.New(c), hi("tiny-chat"))
		wantError(t, err, ollama.ErrUnavailable)
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v passes for the caller's", name, err)
		}
	}
}

func TestModels_Redirect(t *testing.T) {
	s := ollamatest.Start(t)
	elsewhere := httptest.NewServer(http.RedirectHandler(s.URL+"/api/tags", http.StatusTemporaryRedirect))
	defer elsewhere.Close()
	_, err := newClient(t, elsewhere.URL).Models(t.Context())
	wantError(t, err, ollama.ErrFailed)
	if n := len(s.Requests()); n != 0 {
		t.Errorf("%d requests went where the upstream pointed", n)
	}
}

func TestPing_BaseURLWithPath(t *testing.T) {
	s := ollamatest.Start(t)
	proxy := httptest.NewServer(http.StripPrefix("/ollama", s))
	defer proxy.Close()
	if err := newClient(t, proxy.URL+"/ollama/").Ping(t.Context())[0].Err; err != nil {
		t.Error(err)
	}
}

func TestModels_CapabilitiesAskedOnce(t *testing.T) {
	s := ollamatest.Start(t)
	c := newClient(t, s.URL)
	for range 3 {
		wantModels(t, c)
	}
	if n := len(s.To("/api/show")); n != 8 {
		t.Errorf("%d times /api/show for 8 models", n)
	}
}

func TestModels_ShowFails(t *testing.T) {
	for name, script := range map[string]ollamatest.Step{"failing": ollamatest.Status(500, "failed"), "hanging": ollamatest.Hang()} {
		t.Run(name, func(t *testing.T) {
			s := ollamatest.Start(t)
			s.Script("tiny-slow", script)
			config := config(t, s.URL)
			config.ConnectTimeout = time.Minute // which the list does not wait for
			c := upstream.New(config)
			begun := time.Now()
			models, err := c.Models(t.Context())
			if err != nil || len(models) != 8 || time.Since(begun) > 30*time.Second {
				t.Fatalf("%d models, %v, after %v", len(models), err, time.Since(begun))
			}
			for _, m := range models {
				if m.Name == "tiny-slow:latest" != (m.Capabilities == nil) {
					t.Errorf("%s can do %q", m.Name, m.Capabilities)
				}
			}
			s.Script("tiny-slow")
			models, err = c.Models(t.Context())
			if err != nil || !slices.ContainsFunc(models, func(m ollama.Model) bool { return m.Name == "tiny-slow:latest" && m.Capabilities != nil }) {
				t.Errorf("a model that can be shown again is not asked again: %v", err)
			}
		})
	}
}

func TestModels_Failures(t *testing.T) {
	for name, x := range map[string]struct {
		script ollamatest.Step
		kind   error
	}{
		"silence":       {ollamatest.Hang(), ollama.ErrUnavailable},
		"cut":           {ollamatest.Cut(), ollama.ErrUnavailable},
		"no JSON":       {ollamatest.Body([]byte("<html>")), ollama.ErrFailed},
		"too much":      {ollamatest.Body(make([]byte, 17<<20)), ollama.ErrFailed},
		"no such route": {ollamatest.Status(404, ""), ollama.ErrNotServed},
	} {
		t.Run(name, func(t *testing.T) {
			s := ollamatest.Start(t)
			s.Script("/api/tags", x.script)
			config := config(t, s.URL)
			if name == "silence" {
				config.ConnectTimeout = 50 * time.Millisecond
			}
			_, err := upstream.New(config).Models(t.Context())
			wantError(t, err, x.kind)
		})
	}
}

func TestEmbed_Failures(t *testing.T) {
	for name, x := range map[string]struct {
		script steps
		kind   error
	}{
		"too few vectors":  {steps{ollamatest.Body([]byte(`{"embeddings":[[1]]}`))}, ollama.ErrFailed},
		"too many vectors": {steps{ollamatest.Body([]byte(`{"embeddings":[[1],[1],[1]]}`))}, ollama.ErrFailed},
		"no vectors":       {steps{ollamatest.Body([]byte(`{}`))}, ollama.ErrFailed},
		"no JSON":          {steps{ollamatest.Body([]byte(`<html>`))}, ollama.ErrFailed},
		"cut":              {steps{ollamatest.Raw(`{"embeddings":[[1`), ollamatest.Cut()}, ollama.ErrUnavailable},
		"silence":          {steps{ollamatest.Hang()}, ollama.ErrUnavailable},
		"silence within":   {steps{ollamatest.Raw(`{"embeddings":[[1`), ollamatest.Hang()}, ollama.ErrUnavailable},
		"too long a text":  {steps{ollamatest.Status(400, "the input length exceeds the context length")}, ollama.ErrBadRequest},
		"queue full":       {steps{ollamatest.QueueFull()}, ollama.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ollamatest.Start(t)
			s.Script("tiny-embed", x.script...)
			config := config(t, s.URL)
			config.FirstTokenTimeout, config.IdleTimeout = 40*time.Millisecond, 200*time.Millisecond
			_, err := upstream.New(config).Embed(t.Context(), upstream.Turn{}, "tiny-embed", []string{"a", "b"})
			wantError(t, err, x.kind)
		})
	}
}

// Vectors come when all of them are done.
func TestEmbed_LongerThanFirstToken(t *testing.T) {
	s := ollamatest.Start(t)
	s.Script("tiny-embed", ollamatest.Wait(300*time.Millisecond), ollamatest.Answer())
	config := config(t, s.URL)
	config.FirstTokenTimeout = 100 * time.Millisecond
	e, err := upstream.New(config).Embed(t.Context(), upstream.Turn{}, "tiny-embed", []string{"x"})
	if err != nil || len(e.Vectors) != 1 {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestEmbed_CancelStopsServer(t *testing.T) {
	s := ollamatest.Start(t)
	s.Script("tiny-embed", ollamatest.Hang())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := newClient(t, s.URL).Embed(ctx, upstream.Turn{}, "tiny-embed", []string{"x"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want context.DeadlineExceeded", err)
	}
	wantAborted(t, s)
}
