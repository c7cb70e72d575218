package upstream_test

import (
	"context"
	"errors"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/upstream"
)

// short returns a client with short time-outs for a test of silence.
func short(t *testing.T, s *ollamatest.Server) *upstream.Pool {
	c := config(t, s.URL)
	c.FirstTokenTimeout, c.IdleTimeout = 400*time.Millisecond, 200*time.Millisecond
	return upstream.New(c)
}

func TestChat_Failures(t *testing.T) {
	long := strings.Repeat("x", 2<<20)
	for _, x := range []struct {
		name   string
		script steps
		text   string // that came before
		kind   error
	}{
		{"no done line", steps{ollamatest.Say("a", "b")}, "ab", ollama.ErrFailed},
		{"nothing at all", steps{ollamatest.Body(nil)}, "", ollama.ErrFailed},
		{"error line", steps{ollamatest.Say("a"), ollamatest.Fail("an error was encountered while running the model: unexpected EOF"), ollamatest.Say("b"), ollamatest.Done("stop", 1, 1)}, "a", ollama.ErrFailed},
		{"empty error line", steps{ollamatest.Fail("")}, "", ollama.ErrFailed},
		{"connection cut", steps{ollamatest.Say("a"), ollamatest.Cut()}, "a", ollama.ErrUnavailable},
		{"connection cut in a line", steps{ollamatest.Say("a"), ollamatest.Raw(`{"message":{"cont`), ollamatest.Cut()}, "a", ollama.ErrUnavailable},
		{"connection cut before the answer", steps{ollamatest.Cut()}, "", ollama.ErrUnavailable},
		{"no JSON", steps{ollamatest.Say("a"), ollamatest.Line("<html>")}, "a", ollama.ErrFailed},
		{"JSON of another kind", steps{ollamatest.Say("a"), ollamatest.Line(`{"message":"x"}`)}, "a", ollama.ErrFailed},
		{"line too long", steps{ollamatest.Say("a"), ollamatest.Line(`{"message":{"content":"` + long + `"}}`)}, "a", ollama.ErrFailed},
		{"silence before the first byte", steps{ollamatest.Hang()}, "", ollama.ErrUnavailable},
		{"silence after the header", steps{ollamatest.Raw(""), ollamatest.Hang()}, "", ollama.ErrUnavailable},
		{"silence between pieces", steps{ollamatest.Say("a"), ollamatest.Hang()}, "a", ollama.ErrUnavailable},
		{"queue full", steps{ollamatest.QueueFull()}, "", ollama.ErrUnavailable},
		{"model failed", steps{ollamatest.Status(500, "llama runner process has terminated")}, "", ollama.ErrFailed},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			s := ollamatest.Start(t)
			s.Script("tiny-chat", x.script...)
			text, _, _, err := collect(t.Context(), short(t, s), hi("tiny-chat"))
			wantError(t, err, x.kind)
			if text != x.text {
				t.Errorf("text %q, want %q", text, x.text)
			}
		})
	}
}

// A piece without text is one all the same: the model has worked for it.
func TestChat_PiecesWithoutText(t *testing.T) {
	for name, x := range map[string]struct {
		step   ollamatest.Step
		pieces int
	}{
		"empty lines":          {ollamatest.Raw("\n\n"), 3},
		"thoughts":             {ollamatest.Line(`{"message":{"role":"assistant","content":"","thinking":"hm"},"done":false}`), 4},
		"tool calls":           {ollamatest.Line(`{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":false}`), 4},
		"fields of no meaning": {ollamatest.Line(`{"message":{"content":""},"logprobs":[{"token":"x"}],"x":{"y":1}}`), 4},
	} {
		t.Run(name, func(t *testing.T) {
			s := ollamatest.Start(t)
			s.Script("tiny-chat", ollamatest.Say("a"), x.step, ollamatest.Say("b"), ollamatest.Done("stop", 0, 0))
			text, pieces, last, err := collect(t.Context(), newClient(t, s.URL), hi("tiny-chat"))
			if err != nil || text != "ab" || pieces != x.pieces || last.PromptTokens != 0 || last.CompletionTokens != 0 {
				t.Errorf("%q in %d pieces, %+v, %v", text, pieces, last, err)
			}
		})
	}
}

func TestChat_SendsWhatIsSetOnly(t *testing.T) {
	s := ollamatest.Start(t)
	request := ollama.ChatRequest{
		Model:    "Tiny-Chat",
		Messages: []ollama.Message{{Role: "system", Content: "be <brief>"}, {Role: "user", Content: "hi"}},
		Options:  ollama.Options{Temperature: new(float32(0)), TopP: new(float32(0.9)), Seed: new(int64(-1)), Stop: []string{"\n"}},
	}
	if _, _, _, err := collect(t.Context(), newClient(t, s.URL), request); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := collect(t.Context(), newClient(t, s.URL), hi("tiny-chat")); err != nil {
		t.Fatal(err)
	}
	got := s.Posts()
	for i, want := range []string{
		`{"model":"tiny-chat:latest","messages":[{"role":"system","content":"be \u003cbrief\u003e"},{"role":"user","content":"hi"}],"stream":true,"options":{"temperature":0,"top_p":0.9,"seed":-1,"stop":["\n"]}}`,
		`{"model":"tiny-chat:latest","messages":[{"role":"user","content":"hi"}],"stream":true}`,
	} {
		if string(got[i].Body) != want {
			t.Errorf("body %s\nwant %s", got[i].Body, want)
		}
		if got[i].Host != strings.TrimPrefix(s.URL, "http://") {
			t.Errorf("host %q, want the upstream's", got[i].Host)
		}
		for name := range got[i].Header {
			switch name {
			case "Content-Length", "Content-Type", "User-Agent":
			default:
				t.Errorf("header %s went upstream", name)
			}
		}
	}
}

func TestChat_BadRequests(t *testing.T) {
	s := ollamatest.Start(t)
	var zero float32
	for name, request := range map[string]ollama.ChatRequest{
		"no model":        hi(""),
		"path as a model": hi("../../etc/passwd"),
		"infinite option": with(hi("tiny-chat"), ollama.Options{TopP: new(1 / zero)}),
	} {
		_, _, _, err := collect(t.Context(), newClient(t, s.URL), request)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		wantError(t, err, ollama.ErrBadRequest)
	}
	if n := len(s.Requests()); n != 0 {
		t.Errorf("%d requests went upstream", n)
	}
}

func TestChat_CancelStopsServer(t *testing.T) {
	for name, script := range map[string]steps{
		"before the first byte": {ollamatest.Hang()},
		"after the header":      {ollamatest.Raw(""), ollamatest.Hang()},
		"in mid-stream":         {ollamatest.Say("a"), ollamatest.Hang()},
	} {
		t.Run(name, func(t *testing.T) {
			s := ollamatest.Start(t)
			s.Script("tiny-chat", script...)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			time.AfterFunc(20*time.Millisecond, cancel)
			_, _, _, err := collect(ctx, newClient(t, s.URL), hi("tiny-chat"))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v, want context.Canceled", err)
			}
			wantAborted(t, s)
		})
	}
}

func TestChat_BreakStopsServer(t *testing.T) {
	s := ollamatest.Start(t)
	for _, err := range newClient(t, s.URL).Chat(t.Context(), upstream.Turn{}, hi("tiny-loop")) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	wantAborted(t, s)
}

// wantAborted checks that the server's one request is cut off by its client.
func wantAborted(t *testing.T, s *ollamatest.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := s.WaitIdle(ctx); err != nil {
		t.Fatalf("the upstream goes on: %v", err)
	}
	if r := s.Posts()[0]; r.Aborted.IsZero() {
		t.Errorf("%s was answered to its end", r.Path)
	}
}

func TestChat_SlowReader(t *testing.T) {
	s := ollamatest.Start(t)
	c := short(t, s)
	for piece, err := range c.Chat(t.Context(), upstream.Turn{}, hi("tiny-chat")) {
		if err != nil {
			t.Fatal(err)
		}
		if piece.Content == "Hello" {
			time.Sleep(300 * time.Millisecond) // longer than the idle time-out
		}
	}
}

func TestChat_ReusesConnections(t *testing.T) {
	const streams = 300
	s := ollamatest.Start(t)
	c := newClient(t, s.URL)
	var reused, fresh int
	var mu sync.Mutex
	trace := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		mu.Lock()
		defer mu.Unlock()
		if i.Reused {
			reused++
		} else {
			fresh++
		}
	}})
	for range 2 {
		var begun, ended sync.WaitGroup
		begun.Add(streams)
		for range streams {
			ended.Go(func() {
				for piece, err := range c.Chat(trace, upstream.Turn{}, hi("tiny-chat")) {
					if err != nil {
						t.Error(err)
					}
					if err != nil || piece.Content == "Hello" {
						begun.Done()
						begun.Wait() // for every other stream
					}
				}
			})
		}
		ended.Wait()
	}
	if reused < streams*9/10 {
		t.Errorf("%d connections used again and %d made for %d chats", reused, fresh, 2*streams)
	}
}
