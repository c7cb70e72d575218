package apptest_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// othersCalls makes calls of another user by RPC and through the gateway until the flood is over, and returns what tells how long the
// slowest took.
func othersCalls(t *testing.T, a *apptest.App, key string) (end func() (slowest time.Duration, calls int)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	var slowest, calls atomic.Int64
	t.Cleanup(func() {
		stop()
		callers.Wait()
	})
	for name, call := range map[string]func() error{
		"chat by RPC":  func() error { return chatWith(t, a, key, "tiny-think") },
		"embed by RPC": func() error { return embedOver(t.Context(), a, true, key, "x") },
		"whoami": func() error {
			_, err := a.As(key).Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
			return err
		},
		"chat": func() error {
			return postAll(t.Context(), a, key, "/v1/chat/completions", `{"model":"tiny-think","stream":true,"messages":[{"role":"user","content":"hi"}]}`)
		},
		"embed": func() error { return embedOver(t.Context(), a, false, key, "x") },
	} {
		callers.Go(func() {
			for ctx.Err() == nil {
				begun := time.Now()
				if err := call(); err != nil && t.Context().Err() == nil { // else the test has failed before its end
					t.Errorf("another user's %s: %v", name, err)
				}
				took := int64(time.Since(begun))
				for old := slowest.Load(); took > old && !slowest.CompareAndSwap(old, took); old = slowest.Load() {
				}
				calls.Add(1)
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	return func() (time.Duration, int) {
		stop()
		callers.Wait()
		return time.Duration(slowest.Load()), int(calls.Load())
	}
}

// wantSpent fails the test unless the person's calls are settled soon as so many, for so many tokens, and nothing is reserved.
func wantSpent(t *testing.T, a *apptest.App, p *apptest.Person, requests, prompt, completion int64, estimated bool) {
	t.Helper()
	var row *paddockv1.UsageRow
	var day *paddockv1.QuotaPeriod
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		m, err := a.As(p.Key).Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{})
		must(t, err)
		q, err := a.As(p.Key).Usage.GetQuota(t.Context(), &paddockv1.GetQuotaRequest{})
		must(t, err)
		row, day = m.GetRows()[0], q.GetQuota().GetDay()
		if row.GetRequests() == requests && day.GetReserved() == 0 {
			break
		}
	}
	if row.GetRequests() != requests || row.GetPromptTokens() != prompt || row.GetCompletionTokens() != completion || row.GetEstimated() != estimated ||
		day.GetReserved() != 0 || day.GetUsed() != prompt+completion {
		t.Errorf("spent %v, quota %v; want %d calls of %d and %d tokens in all", row, day, requests, prompt, completion)
	}
}

// TestFlood_PlaceGivenBack: clients of every protocol that read nothing of their answers hold a place of the model's no longer than
// this works. Other users notice nothing, and nothing of the answers or of their counts is lost.
func TestFlood_PlaceGivenBack(t *testing.T) {
	const pieces, each = 22, 3
	env := apptest.Env{"OLLAMA_MAX_INFLIGHT": "4", "DEFAULT_TOKENS_PER_DAY": "10000000"}
	apptest.EachWith(t, env, func(t *testing.T, a *apptest.App) {
		flood, other := a.NewPerson(t, "user"), a.NewPerson(t, "user")
		piece := strings.Repeat("x", 8<<10)
		a.Upstream.Script("tiny-chat", ollamatest.Say(slices.Repeat([]string{piece}, pieces)...), ollamatest.Done("stop", 11, pieces))
		free := fmt.Sprintf("paddock_upstream_in_flight{upstream=%q} 0\n", strings.TrimPrefix(a.Upstream.URL, "http://"))
		end := othersCalls(t, a, other.Key)
		var all []unread
		for way := range streamWays {
			for range each {
				all = append(all, beginUnread(t.Context(), t, a, way, flood.Key, "tiny-chat"))
			}
		}
		for deadline := time.Now().Add(10 * time.Second); asked(a, "tiny-chat", true) < len(all); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d models are done", asked(a, "tiny-chat", true), len(all))
			}
		}
		if slowest, n := end(); slowest > unnoticed() || n < 10 {
			t.Errorf("the slowest of %d calls of another user took %v", n, slowest)
		}
		for deadline := time.Now().Add(5 * time.Second); !strings.Contains(send(t, http.MethodGet, a.URL+"/metrics", nil, "").body, free); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("places are taken although all models are done")
			}
		}
		for i, u := range all {
			if i%each == 0 {
				u.leave()
				continue
			}
			if said, whole, err := u.rest(); err != nil || !whole || len(said) < pieces*len(piece) {
				t.Errorf("%s: %d bytes, whole: %t, %v", u.way, len(said), whole, err)
			}
			u.leave()
		}
		wantSpent(t, a, flood, int64(len(all)), int64(len(all)*11), int64(len(all)*pieces), false)
	})
}

// asked returns how many requests for the model have come upstream, or how many of them are answered to their end.
func asked(a *apptest.App, model string, answered bool) (n int) {
	for _, r := range a.Upstream.Posts() {
		if strings.HasPrefix(r.Model, model) && (!answered || !r.Ended.IsZero() && r.Aborted.IsZero()) {
			n++
		}
	}
	return n
}

// TestFlood_Memory: what clients do not read of streams that are longer than any buffer costs bounded memory, and other users nothing.
// In the end they are cut off from the models. PADDOCK_PROOF=full makes it 300 clients and waits for that; a model says 16 KiB each
// 50 ms, more than any real one. (Many that know no pause leave neither time nor memory for anything but the test Ollama.)
func TestFlood_Memory(t *testing.T) {
	clients, pace, full := 18, 10*time.Millisecond, os.Getenv("PADDOCK_PROOF") == "full"
	bound := 128 << 20 // of 288 MiB; buffers may have twice the room that they need
	if full {
		clients, pace, bound = 300, 50*time.Millisecond, 192<<20
	}
	const size = 16 << 20
	env := apptest.Env{"MAX_STREAMS_PER_USER": "1000", "DEFAULT_TOKENS_PER_DAY": "10000000"}
	apptest.EachWith(t, env, func(t *testing.T, a *apptest.App) {
		flood, other := a.NewPerson(t, "user"), a.NewPerson(t, "user")
		const piece = 16 << 10
		a.Upstream.Script("tiny-chat", ollamatest.Pace(pace), ollamatest.Say(slices.Repeat([]string{strings.Repeat("x", piece)}, size/piece)...), ollamatest.Done("stop", 11, 1))
		before := heap()
		end := othersCalls(t, a, other.Key)
		var all []unread
		for len(all) < clients {
			for way := range streamWays {
				if way != "/v1/responses" { // of which the test Ollama keeps all that it has said
					all = append(all, beginUnread(t.Context(), t, a, way, flood.Key, "tiny-chat"))
				}
			}
		}
		most := 0
		begun := time.Now()
		for asked(a, "tiny-chat", false) < len(all) || time.Since(begun) < 4*time.Second || full && a.Upstream.Active() > len(streamWays) {
			time.Sleep(200 * time.Millisecond)
			most = max(most, heap()-before)
			if time.Since(begun) > 90*time.Second {
				t.Fatalf("%d models still work", a.Upstream.Active())
			}
		}
		if most > bound {
			t.Errorf("%d MiB for %d clients", most>>20, len(all))
		}
		slowest, n := end()
		if slowest > unnoticed() || n < 10 {
			t.Errorf("the slowest of %d calls of another user took %v", n, slowest)
		}
		t.Logf("%d clients of %d MiB: %d MiB at most, the slowest of %d calls of another user took %v", len(all), size>>20, most>>20, n, slowest)
		for _, u := range all {
			u.leave()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := a.Upstream.WaitIdle(ctx); err != nil {
			t.Errorf("%d models still work", a.Upstream.Active())
		}
		if m := unsettled(a); m != 0 {
			t.Errorf("%d calls are not settled", m)
		}
	})
}

// heap returns how much of it is in use, garbage apart.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
