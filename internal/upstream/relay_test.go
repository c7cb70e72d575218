package upstream_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/upstream"
)

func TestRelay_PassesAnswersOn(t *testing.T) {
	for _, x := range []struct {
		name        string
		path, body  string
		step        ollamatest.Step
		status      int
		contentType string
		answer      string // "…" stands for anything
	}{
		{"a stream", "api/chat", `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`, nil, 200, "application/x-ndjson", `{"model":"tiny-chat",…\u003cb\u003e…"eval_count":27,…`},
		{"an object", "api/embed", `{"model":"tiny-embed","input":"x"}`, nil, 200, "application/json; charset=utf-8", `{"model":"tiny-embed","embeddings":[[…`},
		{"what a model is", "api/show", `{"model":"tiny-chat"}`, nil, 200, "application/json; charset=utf-8", `{…"capabilities":["completion"]…}`},
		{"no such model", "api/chat", `{"model":"nope"}`, nil, 404, "application/json; charset=utf-8", `{"error":"model 'nope' not found"}`},
		{"no such path", "api/nope", `{}`, nil, 404, "text/plain", "404 page not found"},
		{"a failure", "api/chat", `{"model":"m"}`, ollamatest.Status(500, "failed"), 500, "application/json; charset=utf-8", `{"error":"failed"}`},
		{"a full queue", "api/chat", `{"model":"m"}`, ollamatest.QueueFull(), 503, "application/json; charset=utf-8", `{"error":"server busy…`},
		{"an error within", "api/chat", `{"model":"m"}`, ollamatest.Fail("failed"), 200, "application/x-ndjson", `{"error":"failed"}` + "\n"},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := ollamatest.Start(t)
			if x.step != nil {
				s.Script("m", x.step)
			}
			a, err := newClient(t, s.URL).Relay(t.Context(), upstream.Request{Path: x.path, Model: "m:latest", Body: ollama.NewBody([]byte(x.body))})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			answer, err := io.ReadAll(a)
			if a.Status != x.status || a.ContentType != x.contentType || !ollamatest.Like(string(answer), x.answer) || err != nil {
				t.Errorf("%d %q %.300s, %v", a.Status, a.ContentType, answer, err)
			}
			if sent := s.Posts()[0]; string(sent.Body) != x.body || sent.Header.Get("Content-Type") != "application/json" {
				t.Errorf("sent %q, %v", sent.Body, sent.Header)
			}
		})
	}
}

// Pieces come as they are said: none waits for the next.
func TestRelay_HoldsNothingBack(t *testing.T) {
	s := ollamatest.Start(t)
	s.Script("m", ollamatest.Raw("a"), ollamatest.Hang())
	a, err := newClient(t, s.URL).Relay(t.Context(), upstream.Request{Path: "api/chat", Model: "m:latest", Body: ollama.NewBody([]byte(`{"model":"m"}`))})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	piece := make([]byte, 10)
	if n, err := a.Read(piece); string(piece[:n]) != "a" || err != nil {
		t.Errorf("%q, %v", piece[:n], err)
	}
}

func TestRelay_BrokenOff(t *testing.T) {
	for name, x := range map[string]struct {
		script steps
		answer string
	}{
		"cut":                    {steps{ollamatest.Raw("a"), ollamatest.Cut()}, "a"},
		"silence":                {steps{ollamatest.Raw("a"), ollamatest.Hang()}, "a"},
		"silence after a header": {steps{ollamatest.Raw(""), ollamatest.Hang()}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := ollamatest.Start(t)
			s.Script("m", x.script...)
			a, err := short(t, s).Relay(t.Context(), upstream.Request{Path: "api/chat", Model: "m:latest", Body: ollama.NewBody([]byte(`{"model":"m"}`))})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			answer, err := io.ReadAll(a)
			wantError(t, err, ollama.ErrUnavailable)
			if string(answer) != x.answer {
				t.Errorf("answer %q", answer)
			}
		})
	}
}

// one returns a client that gives its upstream one call at a time.
func one(t *testing.T, s *ollamatest.Server) *upstream.Pool {
	c := config(t, s.URL)
	c.MaxInflight, c.MaxQueue, c.QueueTimeout = 1, 1000, time.Minute
	return upstream.New(c)
}

// A client who leaves is felt upstream, wherever its call is, and the calls of
// others go through.
func TestRelay_HangUp(t *testing.T) {
	for name, script := range map[string]steps{
		"before the header": {ollamatest.Hang()},
		"after the header":  {ollamatest.Raw(""), ollamatest.Hang()},
		"in mid-answer":     {ollamatest.Raw("a"), ollamatest.Hang()},
	} {
		t.Run(name, func(t *testing.T) {
			s := ollamatest.Start(t)
			s.Script("m", script...)
			c := one(t, s)
			ctx, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			var called sync.WaitGroup
			for range 3 { // one runs, two wait
				called.Go(func() {
					if _, _, err := relay(ctx, c, "m:latest", "a"); !errors.Is(err, context.Canceled) {
						t.Errorf("%v, want context.Canceled", err)
					}
				})
			}
			for c.Stats().Waiting < 2 || len(s.Posts()) < 1 {
				time.Sleep(time.Millisecond)
			}
			hungUp := time.Now()
			hangUp()
			called.Wait()
			wantAborted(t, s)
			if r := s.Posts(); len(r) != 1 || r[0].Aborted.Sub(hungUp) > time.Second {
				t.Errorf("%d requests, the first ended after %v", len(r), r[0].Aborted.Sub(hungUp))
			}
			s.Script("m")
			for range 10 {
				wantRelayed(t, c, "tiny-chat:latest")
			}
			if u := c.Stats(); u.Waiting != 0 || u.Upstreams[0].InFlight != 0 || u.Upstreams[0].State != upstream.Closed {
				t.Errorf("%+v", u)
			}
		})
	}
}

func TestRelay_Flood(t *testing.T) {
	s := ollamatest.Start(t)
	s.Script("m", ollamatest.Say("a"), ollamatest.Wait(time.Millisecond), ollamatest.Done("stop", 1, 1))
	s.Script("other", ollamatest.Say("b"), ollamatest.Done("stop", 1, 1))
	s.Script("first", ollamatest.Say("a"), ollamatest.Hang())
	c := one(t, s)
	first, end := context.WithCancel(t.Context())
	defer end()
	var calls sync.WaitGroup
	call := func(ctx context.Context, model, user string, waiting int) {
		calls.Go(func() { _, _, _ = relay(ctx, c, model, user) })
		for len(s.Posts()) == 0 || c.Stats().Waiting < waiting {
			time.Sleep(100 * time.Microsecond)
		}
	}
	call(first, "first:latest", "a", 0)
	for i := range 199 {
		call(t.Context(), "m:latest", "a", i+1)
	}
	call(t.Context(), "other:latest", "b", 200)
	end()
	calls.Wait()
	var order []string
	for _, r := range s.Posts() {
		order = append(order, r.Model)
	}
	if len(order) != 201 || order[1] != "other:latest" && order[2] != "other:latest" {
		t.Errorf("%d calls, begun by %s", len(order), strings.Join(order[:5], " "))
	}
}

func TestRelay_Busy(t *testing.T) {
	s := ollamatest.Start(t)
	s.Script("m", ollamatest.Say("a"), ollamatest.Hang())
	c := config(t, s.URL)
	c.MaxInflight, c.MaxQueue, c.QueueTimeout = 1, 1, 50*time.Millisecond
	client := upstream.New(c)
	a, err := client.Relay(t.Context(), upstream.Request{Path: "api/chat", Model: "m:latest", Body: ollama.NewBody([]byte(`{"model":"m"}`))})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, _, err := relay(t.Context(), client, "m:latest", "")
		if e := wantError(t, err, ollama.ErrUnavailable); e.Message != "the model server is busy" || e.RetryAfter < time.Second {
			t.Errorf("%v, retry after %v", e, e.RetryAfter)
		}
	}
	if _, err := client.Tags(t.Context()); err != nil {
		t.Errorf("lists wait, too: %v", err)
	}
	if status, _, err := relayTo(t.Context(), client, upstream.Request{Path: "api/show", Model: "tiny-chat:latest"}); status != 200 || err != nil {
		t.Errorf("what a model is waits, too: %d, %v", status, err)
	}
	if client.State() != upstream.Closed {
		t.Error("being busy opened the breaker")
	}
	a.Close()
	a.Close() // a second one frees nothing
	if n := client.Upstreams()[0].InFlight; n != 0 {
		t.Errorf("%d in flight", n)
	}
}

// An answer that comes whole has its first byte when it is done: that it is long
// in coming says nothing about its model.
func TestRelay_WholeAnswerLongerThanFirstToken(t *testing.T) {
	s := ollamatest.Start(t)
	config := config(t, s.URL)
	config.FirstTokenTimeout = 100 * time.Millisecond
	c := upstream.New(config)
	s.Script("m", ollamatest.Wait(300*time.Millisecond), ollamatest.Body([]byte("{}")))
	ask := upstream.Request{Path: "api/chat", Model: "m:latest", Body: ollama.NewBody([]byte(`{"model":"m"}`)), Whole: true}
	if status, body, err := relayTo(t.Context(), c, ask); status != 200 || body != "{}" || err != nil {
		t.Errorf("%d %q, %v", status, body, err)
	}
	if state := c.Upstreams()[0]; state.State != upstream.Closed || len(state.Unresponsive) > 0 {
		t.Errorf("doubted: %+v", state)
	}
}
