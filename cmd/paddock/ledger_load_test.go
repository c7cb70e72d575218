package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// load makes model calls of every kind on replicas that come and go, and leaves some of them early.
type load struct {
	keys  []string
	calls int
	begun atomic.Int64
	ended atomic.Int64

	mu   sync.RWMutex
	urls []string // of the replicas
}

func (l *load) moved(slot int, url string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.urls[slot] = url
}

func (l *load) url() string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.urls[rand.IntN(len(l.urls))]
}

// run makes all calls, so many at once.
func (l *load) run(ctx context.Context, atOnce int) *sync.WaitGroup {
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for n := l.begun.Add(1); n <= int64(l.calls) && ctx.Err() == nil; n = l.begun.Add(1) {
				l.call(ctx, n)
				l.ended.Add(1)
			}
		})
	}
	return &workers
}

// wait waits until so many calls have ended.
func (l *load) wait(t *testing.T, calls int64) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); l.ended.Load() < calls; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("only %d calls of %d have ended", l.ended.Load(), calls)
		}
	}
}

// share returns true in the given percentage of calls.
func share(percent int) bool { return rand.IntN(100) < percent }

// call makes one call, once: it is tried again only as long as no connection was made. Whether it ends well is its
// replica's luck.
func (l *load) call(ctx context.Context, n int64) {
	c := &modelCall{n: n, key: l.keys[n%int64(len(l.keys))], tokens: 1 + rand.IntN(40), leaveAt: -1}
	if share(15) {
		c.tokens = 100 + rand.IntN(200) // two seconds or so: longer than a checkpoint
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	switch { // 30 % leave
	case share(15):
		c.leaveAt = rand.IntN(c.tokens)
	case share(18):
		timer := time.AfterFunc(time.Duration(rand.IntN(c.tokens*12))*time.Millisecond, cancel)
		defer timer.Stop()
	}
	make := kinds[rand.IntN(len(kinds))]
	for ctx.Err() == nil {
		var dial *net.OpError
		if err := make(ctx, c, l.url()); !errors.As(err, &dial) || dial.Op != "dial" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// modelCall is a call to be made. Its number is the tag of its model.
type modelCall struct {
	n       int64
	key     string
	tokens  int // to be answered with
	leaveAt int // after so many pieces; never when negative
}

func (c *modelCall) model(name string) string { return fmt.Sprintf("%s:c%d", name, c.n) }

// kinds are the ways to call a model: RPCs over two protocols, and routes of all dialects.
var kinds = []func(ctx context.Context, c *modelCall, url string) error{
	func(ctx context.Context, c *modelCall, url string) error {
		return c.chat(ctx, (&apptest.App{URL: url}).As(c.key))
	},
	func(ctx context.Context, c *modelCall, url string) error {
		return c.chat(ctx, (&apptest.App{URL: url}).AsGRPC(c.key))
	},
	func(ctx context.Context, c *modelCall, url string) error {
		_, err := (&apptest.App{URL: url}).As(c.key).Ollama.Embed(ctx, &paddockv1.EmbedRequest{Model: c.model("tiny-embed"), Input: []string{"a", "b"}})
		return err
	},
	route("/api/chat", `"messages":[{"role":"user","content":"hi"}],"options":{"num_predict":%d}`, "tiny-slow"),
	route("/api/generate", `"prompt":"hi","options":{"num_predict":%d}`, "tiny-slow"),
	route("/api/embed", `"input":"hi","options":{"num_predict":%d}`, "tiny-embed"),
	route("/v1/chat/completions", `"stream":true,"messages":[{"role":"user","content":"hi"}],"max_tokens":%d`, "tiny-slow"),
	route("/v1/messages", `"stream":true,"messages":[{"role":"user","content":"hi"}],"max_tokens":%d`, "tiny-slow"),
}

func (c *modelCall) chat(ctx context.Context, clients *apptest.Clients) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := clients.Ollama.Chat(ctx, &paddockv1.ChatRequest{
		Model: c.model("tiny-slow"), Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}},
		Options: &paddockv1.ChatOptions{NumPredict: new(int32(c.tokens))},
	})
	if err != nil {
		return err
	}
	for pieces := 0; pieces != c.leaveAt && stream.Receive(); pieces++ {
	}
	if c.leaveAt >= 0 {
		cancel()
	}
	return errors.Join(stream.Err(), stream.Close())
}

// route calls a plain HTTP route with a body that needs the number of tokens yet.
func route(path, body, model string) func(context.Context, *modelCall, string) error {
	return func(ctx context.Context, c *modelCall, url string) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		whole := fmt.Sprintf(`{"model":%q,`+body+`}`, c.model(model), c.tokens)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+path, strings.NewReader(whole))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+c.key)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if c.leaveAt < 0 {
			_, err = io.Copy(io.Discard, res.Body)
			return err
		}
		lines := bufio.NewScanner(res.Body)
		for pieces := 0; pieces < c.leaveAt && lines.Scan(); {
			if len(bytes.TrimSpace(lines.Bytes())) > 0 {
				pieces++
			}
		}
		return nil
	}
}
