package apptest_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// oneAtATime are the settings with which every call but one waits.
var oneAtATime = apptest.Env{"OLLAMA_MAX_INFLIGHT": "1", "MAX_STREAMS_PER_USER": "500", "OLLAMA_QUEUE_LIMIT": "500"}

// shut makes the model hold its first call, and thereby all others in the queue, until it is opened.
func shut(a *apptest.App) (open func()) {
	gate := make(chan struct{})
	for _, model := range []string{"tiny-chat", "tiny-embed"} {
		a.Upstream.Script(model, ollamatest.Until(gate), ollamatest.Answer())
	}
	return sync.OnceFunc(func() { close(gate) })
}

// waitFor waits until so many calls wait for the model in all.
func waitFor(t testing.TB, a *apptest.App, calls int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		waiting := 0
		for line := range strings.Lines(send(t, http.MethodGet, a.URL+"/metrics", nil, "").body) {
			if strings.HasPrefix(line, "paddock_queue_waiting{") {
				var n int
				_, err := fmt.Sscan(line[strings.LastIndex(line, " "):], &n)
				must(t, err)
				waiting += n
			}
		}
		if waiting == calls {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d calls wait, want %d", waiting, calls)
		}
	}
}

// served are the texts that the upstream was asked with, in order, in full.
func served(a *apptest.App) []string {
	var texts []string
	for _, r := range a.Upstream.Requests() {
		for _, text := range []string{"from A", "from B", "from C"} {
			if strings.Contains(string(r.Body), text) {
				texts = append(texts, text)
			}
		}
	}
	return texts
}

// chatOver begins a chat, by RPC or through the gateway, and reads it to its end.
func chatOver(ctx context.Context, a *apptest.App, rpc bool, key, text string) error {
	if rpc {
		stream, err := a.As(key).Ollama.Chat(ctx, &paddockv1.ChatRequest{Model: "tiny-chat", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: text}}})
		if err != nil {
			return err
		}
		defer stream.Close()
		for stream.Receive() {
		}
		return stream.Err()
	}
	return postAll(ctx, a, key, "/v1/chat/completions", fmt.Sprintf(`{"model":"tiny-chat","stream":true,"messages":[{"role":"user","content":%q}]}`, text))
}

func embedOver(ctx context.Context, a *apptest.App, rpc bool, key, text string) error {
	if rpc {
		_, err := a.As(key).Ollama.Embed(ctx, &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{text}})
		return err
	}
	return postAll(ctx, a, key, "/api/embed", fmt.Sprintf(`{"model":"tiny-embed","input":%q}`, text))
}

// postAll reads the answer to its end.
func postAll(ctx context.Context, a *apptest.App, key, path, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http1.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, text)
	}
	return err
}

// TestQueue_FairBetweenUsers checks that of 200 calls of A's, by RPC and through the gateway, at most one starts before B's
// only one, which came last.
func TestQueue_FairBetweenUsers(t *testing.T) {
	t.Parallel()
	apptest.EachWith(t, oneAtATime, func(t *testing.T, a *apptest.App) {
		userA, userB := a.NewPerson(t, "user"), a.NewPerson(t, "user")
		var calls sync.WaitGroup
		defer calls.Wait()
		open := shut(a)
		defer open()
		for i := range 200 {
			calls.Go(func() {
				if err := chatOver(t.Context(), a, i%2 == 0, userA.Key, "from A"); err != nil {
					t.Error(err)
				}
			})
		}
		waitFor(t, a, 199)
		calls.Go(func() {
			if err := chatOver(t.Context(), a, false, userB.Key, "from B"); err != nil {
				t.Error(err)
			}
		})
		waitFor(t, a, 200)
		open()
		calls.Wait()
		// The first of A's ran when B came.
		if order := served(a); len(order) != 201 || !slices.Contains(order[1:3], "from B") {
			t.Errorf("%d calls, B's is number %d", len(order), slices.Index(order, "from B"))
		}
	})
}

// TestQueue_ChatsBeforeEmbeddings checks that chats start before embeddings that came first, of the same user's and of
// others'.
func TestQueue_ChatsBeforeEmbeddings(t *testing.T) {
	t.Parallel()
	apptest.EachWith(t, oneAtATime, func(t *testing.T, a *apptest.App) {
		userA, userC := a.NewPerson(t, "user"), a.NewPerson(t, "user")
		var calls sync.WaitGroup
		defer calls.Wait()
		open := shut(a)
		defer open()
		for i := range 20 {
			calls.Go(func() {
				if err := embedOver(t.Context(), a, i%2 == 0, userA.Key, "from A"); err != nil {
					t.Error(err)
				}
			})
		}
		waitFor(t, a, 19)
		for i := range 3 {
			calls.Go(func() {
				if err := chatOver(t.Context(), a, i%2 == 0, userC.Key, "from C"); err != nil {
					t.Error(err)
				}
			})
		}
		waitFor(t, a, 22)
		open()
		calls.Wait()
		if order := served(a); len(order) != 23 || !slices.Equal(order[1:4], []string{"from C", "from C", "from C"}) {
			t.Errorf("%d calls, in the order %v", len(order), order)
		}
	})
}

// TestQueue_ClientDisconnects checks that a call whose client disconnects while it is queued costs nothing, is settled while
// others still wait, and never goes upstream.
func TestQueue_ClientDisconnects(t *testing.T) {
	t.Parallel()
	env := apptest.Env{"DEFAULT_TOKENS_PER_DAY": "1000000"}
	maps.Copy(env, oneAtATime)
	apptest.EachWith(t, env, func(t *testing.T, a *apptest.App) {
		userA, userB := a.NewPerson(t, "user"), a.NewPerson(t, "user")
		var staying, leaving sync.WaitGroup
		defer staying.Wait()
		open := shut(a)
		defer open()
		staying.Go(func() {
			if err := chatOver(t.Context(), a, true, userA.Key, "from A"); err != nil {
				t.Error(err)
			}
		})
		for deadline := time.Now().Add(20 * time.Second); len(a.Upstream.Posts()) == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the first call does not go upstream")
			}
		}
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		for i := range 40 {
			leaving.Go(func() {
				call := chatOver
				if i%4 > 1 {
					call = embedOver
				}
				if err := call(ctx, a, i%2 == 0, userB.Key, "from B"); err == nil {
					t.Error("answered, although nobody waited")
				}
			})
		}
		waitFor(t, a, 40)
		leave()
		leaving.Wait()
		waitFor(t, a, 0)
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			m, err := a.As(userB.Key).Usage.GetQuota(t.Context(), &paddockv1.GetQuotaRequest{})
			must(t, err)
			u, err := a.As(userB.Key).Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{})
			must(t, err)
			day, all := m.GetQuota().GetDay(), u.GetRows()[0]
			if all.GetRequests() == 40 && all.GetPromptTokens()+all.GetCompletionTokens() == 0 && day.GetReserved() == 0 && day.GetUsed() == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%v, %v", day, all)
			}
		}
		open()
		staying.Wait()
		if order := served(a); !slices.Equal(order, []string{"from A"}) {
			t.Errorf("upstream: %v", order)
		}
	})
}
