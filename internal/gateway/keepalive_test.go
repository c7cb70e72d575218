package gateway_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// fillers are what a waiting client is sent, by the name of its dialect.
var fillers = map[string]string{"OpenAI": ": ping\n\n", "Anthropic": "event: ping\ndata: {\"type\":\"ping\"}\n\n", "Responses": ": ping\n\n"}

// startAlive returns a gateway that sends filler often.
func startAlive(t *testing.T) *bench {
	t.Helper()
	return startWith(t, ollamatest.Start(t), func(b *bench) { b.alive = 50 * time.Millisecond })
}

// TestKeepAlive_Waiting checks that a client that waits, before the first byte or in the middle, is kept alive in its
// dialect, and is shown the same as without the wait.
func TestKeepAlive_Waiting(t *testing.T) {
	for _, d := range dialects {
		for name, steps := range map[string][]ollamatest.Step{
			"before": {ollamatest.Wait(300 * time.Millisecond), ollamatest.Raw(d.pieces + d.end)},
			"amid":   {ollamatest.Raw(d.pieces), ollamatest.Wait(300 * time.Millisecond), ollamatest.Raw(d.end)},
		} {
			t.Run(d.name+" "+name, func(t *testing.T) {
				t.Parallel()
				b := startAlive(t)
				b.Upstream.Script("tiny-chat", steps...)
				got := b.post(t, d.path, d.request)
				filler := fillers[d.name]
				if n := strings.Count(got.Body, filler); got.Status != http.StatusOK || filler != "" && n < 2 {
					t.Errorf("%d, %d fillers: %q", got.Status, n, got.Body)
				}
				rest := got.Body
				if filler != "" {
					rest = strings.ReplaceAll(rest, filler, "")
				}
				if rest != d.pieces+d.end {
					t.Errorf("got %q", got.Body)
				}
				if r := b.spent(t); r.Outcome != "ok" {
					t.Errorf("recorded %+v", r)
				}
			})
		}
	}
}

// TestKeepAlive_ThenFailure checks that a failure after the status was sent is an error in the stream, be it Ollama's or
// Paddock's.
func TestKeepAlive_ThenFailure(t *testing.T) {
	wait := ollamatest.Wait(200 * time.Millisecond)
	for _, d := range dialects {
		if fillers[d.name] == "" {
			continue
		}
		for name, step := range map[string]ollamatest.Step{
			"model failed": ollamatest.Status(500, "llama runner at /usr/lib died"), "cut": ollamatest.Cut(), "refused": ollamatest.Status(401, "no"),
			"hangs": ollamatest.Hang(),
		} {
			t.Run(d.name+" "+name, func(t *testing.T) {
				t.Parallel()
				b := startAlive(t)
				b.Upstream.Script("tiny-chat", wait, step)
				got := b.post(t, d.path, d.request)
				rest := strings.ReplaceAll(got.Body, fillers[d.name], "")
				if got.Status != http.StatusOK || got.Err != nil || !strings.HasPrefix(rest, d.failure) || strings.Contains(rest, "/usr") {
					t.Errorf("%d %v %q", got.Status, got.Err, got.Body)
				}
				if r := b.spent(t); r.Outcome != "failed" {
					t.Errorf("recorded %+v", r)
				}
			})
		}
	}
}

// TestFraming checks that the framing of other servers and proxies is read like Ollama's.
func TestFraming(t *testing.T) {
	for _, d := range dialects {
		whole := d.pieces + d.end
		for name, text := range map[string]string{
			"CRLF":        strings.ReplaceAll(whole, "\n", "\r\n"),
			"no space":    strings.ReplaceAll(strings.ReplaceAll(whole, "data: ", "data:"), "event: ", "event:"),
			"no last end": strings.TrimRight(whole, "\n"),
			"one newline": strings.TrimRight(whole, "\n") + "\n",
			"comments":    strings.ReplaceAll(whole, "data: ", ": x\ndata: "),
		} {
			if d.path == "/api/chat" || d.path == "/api/generate" {
				text = strings.ReplaceAll(text, ": x\ndata: ", "data: ")
			}
			for how, steps := range map[string][]ollamatest.Step{"at once": {ollamatest.Raw(text)}, "byte by byte": bytewise(text)} {
				t.Run(d.name+" "+name+" "+how, func(t *testing.T) {
					t.Parallel()
					b := start(t, ollamatest.Start(t))
					b.Upstream.Script("tiny-chat", steps...)
					got := b.post(t, d.path, d.request)
					if got.Status != http.StatusOK || strings.TrimRight(got.Body, "\r\n") != strings.TrimRight(text, "\r\n") {
						t.Errorf("%d, sent %q, got %q", got.Status, text, got.Body)
					}
					if r := b.spent(t); r.Outcome != "ok" {
						t.Errorf("recorded %+v", r)
					}
				})
			}
		}
	}
}

func bytewise(text string) []ollamatest.Step {
	var steps []ollamatest.Step
	for i := range text {
		steps = append(steps, ollamatest.Raw(text[i:i+1]))
	}
	return steps
}
