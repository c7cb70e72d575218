package gateway_test

import (
	"bufio"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// TestAbort_Upstream checks that the client's abort reaches the upstream at once: before the first byte, in mid-stream, and
// of what is not streamed.
func TestAbort_Upstream(t *testing.T) {
	type abort struct {
		name, path, body string
		steps            []ollamatest.Step
		pieces           bool
	}
	aborts := []abort{
		{"chat at once", "/api/chat", `{"model":"tiny-chat",` + hi + `,"stream":false}`, []ollamatest.Step{ollamatest.Hang()}, false},
		{"embed", "/api/embed", `{"model":"tiny-chat","input":"x"}`, []ollamatest.Step{ollamatest.Hang()}, false},
		{"show", "/api/show", `{"model":"tiny-chat"}`, []ollamatest.Step{ollamatest.Hang()}, false},
	}
	for _, d := range dialects {
		aborts = append(aborts,
			abort{d.name + " before the first piece", d.path, d.request, []ollamatest.Step{ollamatest.Hang()}, false},
			abort{d.name + " in mid-stream", d.path, d.request, []ollamatest.Step{ollamatest.Raw(d.pieces), ollamatest.Hang()}, true})
	}
	for _, c := range aborts {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, ollamatest.Start(t))
			b.Upstream.Script("tiny-chat", c.steps...)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.URL+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			arrived := make(chan struct{})
			go func() {
				defer close(done)
				res, err := client.Do(req)
				if err != nil {
					return
				}
				defer res.Body.Close()
				readLine(t, bufio.NewReader(res.Body))
				close(arrived)
				<-ctx.Done()
			}()
			if c.pieces {
				<-arrived
			}
			for deadline := time.Now().Add(5 * time.Second); len(b.Upstream.Posts()) == 0; {
				if time.Now().After(deadline) {
					t.Fatal("the upstream was not asked")
				}
				time.Sleep(time.Millisecond)
			}
			left := time.Now()
			leave()
			<-done
			within, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := b.Upstream.WaitIdle(within); err != nil {
				t.Fatal("the model still works")
			}
			if r := b.Upstream.Posts()[0]; r.Aborted.IsZero() || r.Aborted.Sub(left) > time.Second {
				t.Errorf("the upstream was told after %v", r.Aborted.Sub(left))
			}
			if c.path == "/api/show" {
				return
			}
			if r := b.spent(t); r.Outcome != "aborted" || (r.Completion == 2) != c.pieces || r.Prompt == 0 { // which the model has read
				t.Errorf("recorded %+v", r)
			}
			b.Upstream.Script("tiny-chat") // and others are served at once
			if got := b.post(t, "/api/chat", dialects[0].request); got.Status != http.StatusOK {
				t.Errorf("the next call: %d %s", got.Status, got.Body)
			}
		})
	}
}

// TestAbort_WholeAnswerBegun checks that an answer that is not streamed is aborted after it has begun as well, although its
// counts would come with its end.
func TestAbort_WholeAnswerBegun(t *testing.T) {
	t.Parallel()
	b := start(t, ollamatest.Start(t))
	begun := []ollamatest.Step{ollamatest.Body([]byte("{\n" + strings.Repeat(" ", 300<<10)))} // more than is kept back
	goesOn := slices.Repeat([]ollamatest.Step{ollamatest.Raw(" "), ollamatest.Wait(50 * time.Millisecond)}, 100)
	b.Upstream.Script("tiny-chat", append(begun, goesOn...)...)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.URL+"/api/chat", strings.NewReader(`{"model":"tiny-chat",`+hi+`,"stream":false}`))
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	readLine(t, bufio.NewReader(res.Body))
	leave()
	within, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := b.Upstream.WaitIdle(within); err != nil {
		t.Error("the model still works")
	}
	if r := b.spent(t); r.Outcome != "aborted" {
		t.Errorf("recorded %+v", r)
	}
}
