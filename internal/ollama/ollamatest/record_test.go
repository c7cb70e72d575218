package ollamatest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// TestRequest_Aborted checks that a client which leaves in the middle of an answer has aborted it, and one which leaves behind its
// last byte has not, although the handler is still at work.
func TestRequest_Aborted(t *testing.T) {
	for name, steps := range map[string][]ollamatest.Step{
		"in the middle":        {ollamatest.Say("a"), ollamatest.Hang()},
		"behind the last byte": {ollamatest.Done("stop", 1, 1), ollamatest.Hang()},
	} {
		t.Run(name, func(t *testing.T) {
			s := ollamatest.Start(t)
			s.Script("tiny-chat", steps...)
			ctx, leave := context.WithCancel(t.Context())
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/chat", strings.NewReader(`{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`))
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if _, err := io.ReadAtLeast(res.Body, make([]byte, 1<<10), 10); err != nil {
				t.Fatal(err)
			}
			leave()
			patience, end := context.WithTimeout(t.Context(), 20*time.Second)
			defer end()
			if err := s.WaitIdle(patience); err != nil {
				t.Fatal(err)
			}
			if aborted := !s.Posts()[0].Aborted.IsZero(); aborted != (name == "in the middle") {
				t.Errorf("aborted: %t", aborted)
			}
		})
	}
}
