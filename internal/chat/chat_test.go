package chat_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestChat_ThinkingCounts checks that thinking counts although it is not sent, however the call ends.
func TestChat_ThinkingCounts(t *testing.T) {
	a := apptest.Start(t, storetest.SQLite(t), nil)
	thought := ollamatest.Line(`{"message":{"role":"assistant","content":"","thinking":"hm"},"done":false}`)
	for name, c := range map[string]struct {
		script     []ollamatest.Step
		told       int // pieces, until the client leaves
		completion int64
	}{
		"the model fails":   {[]ollamatest.Step{thought, thought, thought, ollamatest.Fail("the model has died")}, 0, 3},
		"the client leaves": {[]ollamatest.Step{thought, thought, ollamatest.Say("a"), ollamatest.Hang()}, 1, 3},
		"it does not count": {[]ollamatest.Step{thought, thought, ollamatest.Say("a"), ollamatest.Done("stop", 0, 0)}, 2, 3},
	} {
		t.Run(name, func(t *testing.T) {
			p := a.NewPerson(t, "user")
			a.Upstream.Script("tiny-chat", c.script...)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			stream, err := a.As(p.Key).Ollama.Chat(ctx, &paddockv1.ChatRequest{
				Model: "tiny-chat", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			told := 0
			for (told == 0 || told < c.told) && stream.Receive() {
				told++
			}
			leave()
			if told != c.told {
				t.Errorf("%d pieces were told, want %d: %v", told, c.told, stream.Err())
			}
			if u := used(t, a, p); u.GetPromptTokens() != 1 || u.GetCompletionTokens() != c.completion || !u.GetEstimated() {
				t.Errorf("recorded %v", u)
			}
		})
	}
}

// TestCounts_Hostile checks that what an upstream says of a call's tokens is believed up to what the call can have cost.
func TestCounts_Hostile(t *testing.T) {
	a := apptest.Start(t, storetest.SQLite(t), nil)
	const many = 1 << 50
	t.Run("chat", func(t *testing.T) {
		p := a.NewPerson(t, "user")
		a.Upstream.Script("tiny-chat", ollamatest.Say("a"), ollamatest.Done("stop", many, many))
		stream, err := a.As(p.Key).Ollama.Chat(t.Context(), &paddockv1.ChatRequest{
			Model: "tiny-chat", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}},
			Options: &paddockv1.ChatOptions{NumPredict: new(int32(50))},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		for stream.Receive() {
		}
		if u := used(t, a, p); u.GetPromptTokens() > 20_000 || u.GetCompletionTokens() != 50 || !u.GetEstimated() {
			t.Errorf("recorded %v, %v", u, stream.Err())
		}
	})
	t.Run("embeddings", func(t *testing.T) {
		p := a.NewPerson(t, "user")
		a.Upstream.Script("tiny-embed", ollamatest.Body(fmt.Appendf(nil, `{"embeddings":[[0.5]],"prompt_eval_count":%d,"eval_count":%d}`, many, many)))
		_, err := a.As(p.Key).Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"hi"}})
		if u := used(t, a, p); u.GetPromptTokens() > 20_000 || u.GetCompletionTokens() != 0 || err != nil {
			t.Errorf("recorded %v, %v", u, err)
		}
	})
}

// used waits for the record of a person's one call.
func used(t *testing.T, a *apptest.App, p *apptest.Person) *paddockv1.UsageRow {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		m, err := a.As(p.Key).Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if rows := m.GetRows(); len(rows) > 0 && rows[0].GetRequests() > 0 {
			return rows[0]
		}
		if time.Now().After(deadline) {
			t.Fatal("no record of the call")
		}
	}
}
