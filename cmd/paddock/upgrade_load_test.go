package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// traffic is calls of every kind, without a pause, none of which may fail.
type traffic struct {
	stopped chan struct{}
	workers sync.WaitGroup

	mu     sync.Mutex
	ended  map[string]int // by the name of the call
	failed []string
}

// pause is how long a caller of short calls waits between two, which leaves some of a small machine to the program.
const pause = 50 * time.Millisecond

// startTraffic makes calls until stop or the end of the test: so many streams, and half as many short calls, at once, each of the
// latter by an admin of its own.
func startTraffic(t *testing.T, url, h2cURL, key string, streams int) *traffic {
	t.Helper()
	l := &traffic{stopped: make(chan struct{}), ended: map[string]int{}}
	for i := range streams {
		l.workers.Go(func() { l.loop(t.Context(), i, wholeStreams, url, h2cURL, key, 0) })
	}
	for i := range streams / 2 {
		admin := (&apptest.App{URL: url, AdminKey: key}).NewPerson(t, "admin")
		l.workers.Go(func() { l.loop(t.Context(), i, shortCalls, url, h2cURL, admin.Key, pause) })
	}
	return l
}

// loop makes one call after the other, beginning with the one at index n.
func (l *traffic) loop(ctx context.Context, n int, calls map[string]call, url, h2cURL, key string, pause time.Duration) {
	for names := slices.Sorted(maps.Keys(calls)); ; n++ {
		select {
		case <-l.stopped:
			return
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		name := names[n%len(names)]
		app := &apptest.App{URL: url, AdminKey: key}
		if strings.HasSuffix(name, "over gRPC") {
			app.URL = h2cURL
		}
		began := time.Now()
		l.add(name, began, calls[name](ctx, app))
	}
}

func (l *traffic) add(name string, began time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended[name]++
	if err != nil {
		l.failed = append(l.failed, fmt.Sprintf("%s (%s after %v): %v", name, began.Format("05.000"), time.Since(began).Round(time.Millisecond), err))
	}
}

// count returns how many calls have ended.
func (l *traffic) count() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ended := range l.ended {
		n += ended
	}
	return n
}

// stop waits until so many calls and all that run have ended, and fails the test if one has not ended well.
func (l *traffic) stop(t *testing.T, least int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); l.count() < least && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	close(l.stopped)
	l.workers.Wait()
	t.Logf("%d of %d calls failed: %v", len(l.failed), l.count(), l.ended)
	for i, failure := range l.failed {
		if i == 20 {
			t.Error("…")
			break
		}
		t.Error(failure)
	}
}

// call fails unless it comes to its end.
type call func(context.Context, *apptest.App) error

var shortCalls = map[string]call{
	"read": func(ctx context.Context, a *apptest.App) error {
		_, err := a.Admin().Users.ListUsers(ctx, &paddockv1.ListUsersRequest{})
		return err
	},
	"read over gRPC": func(ctx context.Context, a *apptest.App) error {
		_, err := a.AsGRPC(a.AdminKey).Auth.WhoAmI(ctx, &paddockv1.WhoAmIRequest{})
		return err
	},
	"write": func(ctx context.Context, a *apptest.App) error {
		key, err := a.Admin().Credentials.IssueApiKey(ctx, &paddockv1.IssueApiKeyRequest{Label: "traffic"})
		if err != nil {
			return err
		}
		_, err = a.Admin().Credentials.RevokeCredential(ctx, &paddockv1.RevokeCredentialRequest{Id: key.GetCredential().GetId()})
		return err
	},
	"embed over gRPC": func(ctx context.Context, a *apptest.App) error {
		_, err := a.AsGRPC(a.AdminKey).Ollama.Embed(ctx, &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"a"}})
		return err
	},
	"/api/embed": whole("/api/embed", `{"model":"tiny-embed","input":"hi"}`, `"embeddings"`),
	"/v1 whole":  whole("/v1/chat/completions", `{"model":"tiny-chat",`+hi+`}`, `"finish_reason":"stop"`),
}

var wholeStreams = map[string]call{
	"stream over gRPC": func(ctx context.Context, a *apptest.App) error { return wholeChat(ctx, a.AsGRPC(a.AdminKey)) },
	"stream":           func(ctx context.Context, a *apptest.App) error { return wholeChat(ctx, a.Admin()) },
	"/api/chat":        whole("/api/chat", `{"model":"tiny-slow",`+hi+`,"options":{"num_predict":30}}`, `"done":true`),
	"/v1 stream":       whole("/v1/chat/completions", `{"model":"tiny-slow",`+hi+`,"max_tokens":60,"stream":true}`, "[DONE]"),
	"/v1 long stream":  whole("/v1/chat/completions", `{"model":"tiny-slow",`+hi+`,"max_tokens":100,"stream":true}`, "[DONE]"),
	"/v1/messages":     whole("/v1/messages", `{"model":"tiny-slow",`+hi+`,"max_tokens":30,"stream":true}`, "message_stop"),
}

const hi = `"messages":[{"role":"user","content":"hi"}]`

func wholeChat(ctx context.Context, clients *apptest.Clients) error {
	stream, err := clients.Ollama.Chat(ctx, &paddockv1.ChatRequest{
		Model: "tiny-slow", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}},
		Options: &paddockv1.ChatOptions{NumPredict: new(int32(40))},
	})
	if err != nil {
		return err
	}
	done := false
	for stream.Receive() {
		done = stream.Msg().GetDone()
	}
	if err := errors.Join(stream.Err(), stream.Close()); err != nil || done {
		return err
	}
	return connect.NewError(connect.CodeDataLoss, errors.New("the stream ends without its last message"))
}

// whole returns a call of a plain HTTP route whose response must be a 200 that holds the text.
func whole(path, body, text string) call {
	return func(ctx context.Context, a *apptest.App) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+path, strings.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+a.AdminKey)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		got, err := io.ReadAll(res.Body)
		if err == nil && (res.StatusCode != http.StatusOK || !strings.Contains(string(got), text)) {
			return fmt.Errorf("%d %.300s", res.StatusCode, got)
		}
		return err
	}
}
