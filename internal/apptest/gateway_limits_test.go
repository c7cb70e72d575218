package apptest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// gatewayCalls are a call by a route of each dialect that is answered at once, and what an error of it begins with.
var gatewayCalls = map[string]struct{ body, failure string }{
	"/api/chat":            {`{"model":"tiny-chat","stream":false,"messages":[{"role":"user","content":"hi"}]}`, `{"error":"`},
	"/api/embed":           {`{"model":"tiny-embed","input":"hi"}`, `{"error":"`},
	"/v1/chat/completions": {`{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`, `{"error":{"message":"`},
	"/v1/messages":         {`{"model":"tiny-chat","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`, `{"type":"error","error":{"type":"`},
}

// wantRefused fails the test unless the key's call by every route is refused in its dialect, with that status and those words,
// and a Retry-After.
func wantRefused(t *testing.T, a *apptest.App, key string, status int, words string) {
	t.Helper()
	for path, c := range gatewayCalls {
		got := askGateway(t, a, "POST", path, key, c.body)
		if got.StatusCode != status || got.Header.Get("Retry-After") == "" || !strings.HasPrefix(got.body, c.failure) || !strings.Contains(got.body, words) {
			t.Errorf("%s: %d %v %s", path, got.StatusCode, got.Header, got.body)
		}
	}
}

// wantServed fails the test unless the key's call by every route is answered.
func wantServed(t *testing.T, a *apptest.App, key string) {
	t.Helper()
	for path, c := range gatewayCalls {
		if got := askGateway(t, a, "POST", path, key, c.body); got.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
}

// TestStreamLimit_EveryDialect checks the error of the limit of streams in every dialect and protocol: the user who has too
// many gets it, until one ends, and no other user does.
func TestStreamLimit_EveryDialect(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"MAX_STREAMS_PER_USER": "1"})
	one, other := a.NewPerson(t, "user"), a.NewPerson(t, "user")
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	ask(ctx, t, a.As(one.Key), "tiny-slow")

	wantRefused(t, a, one.Key, http.StatusTooManyRequests, "too many answers are being streamed")
	if got := askGateway(t, a, "POST", "/v1/responses", one.Key, gatewayCalls["/v1/responses"].body); strings.Contains(got.body, "usage_limit") ||
		got.Header.Get("X-Codex-Promo-Message") != "" {
		t.Errorf("told as a plan that is used up: %s", got.body) // as Codex would show it
	}
	for protocol, c := range speakers(a, one.Token) {
		second, err := c.Ollama.Chat(t.Context(), &paddockv1.ChatRequest{Model: "tiny-chat", Messages: hi})
		must(t, err)
		if second.Receive() {
			t.Errorf("%s: a second stream began", protocol)
		}
		apptest.WantReason(t, second.Err(), apierr.TooManyStreams)
		wantToldProperly(t, second.Err())
		second.Close()
	}
	wantServed(t, a, other.Key)

	leave()
	const path = "/api/chat"
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if askGateway(t, a, "POST", path, one.Key, gatewayCalls[path].body).StatusCode == http.StatusOK {
			break
		}
	}
	wantServed(t, a, one.Key)
}

// TestQueueFull_EveryDialect checks the error of a full queue in every dialect and protocol, and that nothing of the call
// goes upstream.
func TestQueueFull_EveryDialect(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"OLLAMA_MAX_INFLIGHT": "1", "OLLAMA_QUEUE_LIMIT": "1"})
	open := shut(a)
	var calls sync.WaitGroup
	defer calls.Wait()
	defer open()
	for range 2 { // one at work and one in the queue
		calls.Go(func() {
			if err := chatOver(t.Context(), a, false, a.AdminKey, "from A"); err != nil {
				t.Error(err)
			}
		})
	}
	waitFor(t, a, 1)

	wantRefused(t, a, a.AdminKey, http.StatusServiceUnavailable, "the model server is busy")
	for _, c := range speakers(a, a.AdminKey) {
		_, err := c.Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"hi"}})
		apptest.WantReason(t, err, apierr.UpstreamUnavailable)
		wantToldProperly(t, err)
	}
	open()
	calls.Wait()
	if n, all := len(served(a)), a.Upstream.Posts(); n != 2 || len(all) != n {
		t.Errorf("%d of %d calls upstream were let through", n, len(all))
	}
	wantServed(t, a, a.AdminKey)
}

// TestDisconnect_Gateway checks that the model stops within a second when a client disconnects that waits for an answer that
// is not streamed, by every route and over both versions of HTTP.
func TestDisconnect_Gateway(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	for _, model := range []string{"tiny-chat", "tiny-embed"} {
		a.Upstream.Script(model, ollamatest.Hang())
	}
	for version, client := range map[string]*http.Client{"HTTP/1.1": http1, "HTTP/2": http2} {
		for path, c := range gatewayCalls {
			begun := len(a.Upstream.Posts())
			ctx, leave := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+path, strings.NewReader(c.body))
			must(t, err)
			req.Header = bearerOf(a.AdminKey)
			left := make(chan struct{})
			go func() {
				defer close(left)
				if res, err := client.Do(req); err == nil {
					text, _ := io.ReadAll(res.Body)
					res.Body.Close()
					t.Errorf("%s %s: %d %s", version, path, res.StatusCode, text)
				}
			}()
			for deadline := time.Now().Add(5 * time.Second); len(a.Upstream.Posts()) == begun && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			leave()
			<-left
			within, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := a.Upstream.WaitIdle(within); err != nil {
				t.Errorf("%s %s: the model still works", version, path)
			}
			cancel()
			if all := a.Upstream.Posts(); len(all) != begun+1 || all[begun].Aborted.IsZero() {
				t.Errorf("%s %s: the upstream was not told", version, path)
			}
		}
	}
}
