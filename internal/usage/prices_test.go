package usage_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestPrices_EmbeddingsWithoutACount, by a third of their bytes.
func TestPrices_EmbeddingsWithoutACount(t *testing.T) {
	a := apptest.Start(t, storetest.SQLite(t), nil)
	p := a.NewPerson(t, "user")
	a.Upstream.Script("tiny-embed", ollamatest.Body([]byte(`{"model":"tiny-embed","embeddings":[[0.5,0.5]]}`)))
	_, err := a.As(p.Key).Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{strings.Repeat("word ", 60)}})
	if err != nil {
		t.Fatal(err)
	}
	if u := a.Settled(t, p); u.GetPromptTokens() != 100 || !u.GetEstimated() {
		t.Errorf("300 bytes: %v", u)
	}
}

// TestPrices_PromptOfAnAbortedCall because their client leaves before the first token; those that still waited are.
func TestPrices_PromptOfAnAbortedCall(t *testing.T) {
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"OLLAMA_MAX_INFLIGHT": "1"})
	p := a.NewPerson(t, "user")
	a.Upstream.Script("tiny-chat", ollamatest.Hang())
	prompt := []*paddockv1.ChatMessage{{Role: "user", Content: strings.Repeat("word ", 60)}}
	leave := make([]context.CancelFunc, 2)
	var calls sync.WaitGroup
	for i := range leave { // the first is with the model, the second waits
		ctx, cancel := context.WithCancel(t.Context())
		leave[i] = cancel
		calls.Go(func() {
			stream, err := a.As(p.Key).Ollama.Chat(ctx, &paddockv1.ChatRequest{Model: "tiny-chat", Messages: prompt})
			if err == nil {
				stream.Receive()
				stream.Close()
			}
		})
		reserved(t, a, i+1)
		for len(a.Upstream.To("/api/chat")) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	leave[1]()
	reserved(t, a, 1)
	leave[0]()
	calls.Wait()
	if u := a.Settled(t, p); u.GetRequests() != 2 || u.GetPromptTokens() != 100 || !u.GetEstimated() {
		t.Errorf("two prompts of 100 tokens, one of which was read: %v", u)
	}
}

// reserved waits until so many calls run.
func reserved(t testing.TB, a *apptest.App, calls int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		n, err := a.Store.Reservation.Query().Count(t.Context())
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%d calls run, not %d: %v", n, calls, err)
		}
		if n == calls {
			return
		}
	}
}

// TestPrices_AnswerUnderAQuota that the operator sets, unless the client asks for another.
func TestPrices_AnswerUnderAQuota(t *testing.T) {
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"QUOTA_ANSWER_TOKENS": "8"})
	free, bound := a.NewPerson(t, "user"), a.NewPerson(t, "user")
	a.SetQuota(t, &paddockv1.SetQuotaRequest{UserId: bound.GetId(), TokensPerDay: new(int64(1_000_000))})
	for _, c := range []struct {
		who     *apptest.Person
		options *paddockv1.ChatOptions
		want    string
	}{
		{free, nil, ""}, {bound, nil, `"num_predict":8`}, {bound, &paddockv1.ChatOptions{NumPredict: new(int32(9))}, `"num_predict":9`},
	} {
		stream, err := a.As(c.who.Key).Ollama.Chat(t.Context(), &paddockv1.ChatRequest{Model: "tiny-chat", Messages: hi, Options: c.options})
		if err != nil {
			t.Fatal(err)
		}
		for stream.Receive() {
		}
		stream.Close()
		all := a.Upstream.To("/api/chat")
		body := string(all[len(all)-1].Body)
		if _, told, _ := strings.Cut(body, `"options":{`); !strings.HasPrefix(told, c.want) || c.want == "" && told != "" {
			t.Errorf("sent %s, want %q", body, c.want)
		}
	}
}
