package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/upstream"
)

// patient returns a client that waits for two seconds, and asks after half a second.
func patient(t *testing.T, servers ...*slots) *upstream.Pool {
	c := config(t, servers[0].URL)
	c.FirstTokenTimeout, c.BaseURLs = 2*time.Second, nil
	for _, s := range servers {
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		c.BaseURLs = append(c.BaseURLs, u)
	}
	return upstream.New(c)
}

// waitUnresponsive waits until the models are unresponsive at the first server.
func waitUnresponsive(t *testing.T, c *upstream.Pool, models ...string) {
	t.Helper()
	for begun := time.Now(); !slices.Equal(c.Upstreams()[0].Unresponsive, models); time.Sleep(time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("unresponsive: %q, want %q", c.Upstreams()[0].Unresponsive, models)
		}
	}
}

// With one slot a model that reads a long prompt answers no question: it is suspect,
// and works on.
func TestAsking_LongPrompt(t *testing.T) {
	t.Parallel()
	s := newSlots(t, 1, 1250*time.Millisecond)
	c := patient(t, s)
	var calls sync.WaitGroup
	calls.Go(func() { wantRelayed(t, c, "m:latest") })
	waitUnresponsive(t, c, "m:latest")
	if u := c.Upstreams()[0]; u.State != upstream.Closed || u.InFlight != 1 {
		t.Errorf("%+v", u)
	}
	wantRelayed(t, c, "m:latest") // there is no other server
	calls.Wait()
	wantUnresponsive(t, c)
	if asked, _, unloads := s.seen(); unloads != 0 || len(asked) == 0 {
		t.Errorf("%d questions, %d unloads", len(asked), unloads)
	}
}

// A model that answers when it is asked is waited for, and asked again.
func TestAsking_AliveModel(t *testing.T) {
	t.Parallel()
	s := newSlots(t, 2, 1750*time.Millisecond)
	c := patient(t, s)
	var calls sync.WaitGroup
	calls.Go(func() {
		shift := false
		status, _, err := relayTo(t.Context(), c, upstream.Request{
			Path: "api/chat", Model: "m:latest", Load: ollama.Load{NumCtx: 8192, Shift: &shift},
		})
		if status != 200 || err != nil {
			t.Errorf("%d, %v", status, err)
		}
	})
	over := make(chan struct{})
	go func() {
		calls.Wait()
		close(over)
	}()
	for waits := true; waits; {
		wantUnresponsive(t, c)
		select {
		case <-over:
			waits = false
		case <-time.After(10 * time.Millisecond):
		}
	}
	asked, _, unloads := s.seen()
	if len(asked) < 2 || len(asked) > 4 || unloads != 0 {
		t.Errorf("asked %d times, unloaded %d times", len(asked), unloads)
	}
	for _, body := range asked { // nothing of keep_alive, and what makes Ollama load nothing anew
		if body != `{"model":"m:latest","prompt":"hi","stream":false,"options":{"num_predict":1,"num_ctx":8192},"shift":false}` {
			t.Errorf("asked %s", body)
		}
	}
}

func TestAsking_ChatSendsItsContext(t *testing.T) {
	t.Parallel()
	s := newSlots(t, 2, 750*time.Millisecond)
	request := hi("m")
	request.Options.NumCtx = new(int32(4096))
	if _, _, _, err := collect(t.Context(), patient(t, s), request); err != nil {
		t.Fatal(err)
	}
	if asked, _, _ := s.seen(); len(asked) != 1 || !strings.Contains(asked[0], `"options":{"num_predict":1,"num_ctx":4096}}`) {
		t.Errorf("asked %q", asked)
	}
}

// A question would cost an active model its cache.
func TestAsking_ActiveModelIsNotAsked(t *testing.T) {
	t.Parallel()
	s := newSlots(t, 2, 300*time.Millisecond)
	c := patient(t, s)
	var calls sync.WaitGroup
	for range 12 { // some of them wait for longer than the client waits before it asks
		calls.Go(func() { wantRelayed(t, c, "m:latest") })
	}
	calls.Wait()
	if asked, _, _ := s.seen(); len(asked) != 0 {
		t.Errorf("asked %q", asked)
	}
}

// A question that its model is too busy to answer ends with the wait for the model.
func TestAsking_EndsWithTheFirstByte(t *testing.T) {
	t.Parallel()
	s := newSlots(t, 1, 700*time.Millisecond)
	c := patient(t, s)
	wantRelayed(t, c, "m:latest")
	time.Sleep(50 * time.Millisecond)
	if asked, took, _ := s.seen(); len(asked) != 0 && took[0] > 400*time.Millisecond {
		t.Errorf("asked %q, for %v", asked, took)
	}
	wantUnresponsive(t, c)
}

// A model that hangs is brought back when nobody is there whom that would hurt.
func TestAsking_WedgedModelIsBroughtBack(t *testing.T) {
	t.Parallel()
	s := newSlots(t, 1, 0)
	s.wedged.Store(true)
	c := patient(t, s)
	ctx, leave := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	calls.Go(func() {
		if _, _, err := relay(ctx, c, "m:latest", ""); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want context.Canceled", err)
		}
	})
	waitUnresponsive(t, c, "m:latest")
	time.Sleep(200 * time.Millisecond)
	if _, _, unloads := s.seen(); unloads != 0 {
		t.Error("unloaded while a call waits")
	}
	leave()
	calls.Wait()
	waitUnresponsive(t, c)
	if _, _, unloads := s.seen(); unloads != 1 {
		t.Errorf("unloaded %d times", unloads)
	}
	wantRelayed(t, c, "m:latest")
}

// Nor does it need a quiet moment: what has been unresponsive for as long as a call may wait
// gets no more calls, even if none of them has waited for so long.
func TestAsking_WedgedModelOfImpatientClients(t *testing.T) {
	t.Parallel()
	s := newSlots(t, 1, 0)
	s.wedged.Store(true)
	c := patient(t, s)
	stop, refused := make(chan struct{}), atomic.Int64{}
	var clients sync.WaitGroup
	for i := range 3 {
		clients.Go(func() {
			time.Sleep(time.Duration(i) * 300 * time.Millisecond)
			for {
				ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
				_, _, err := relay(ctx, c, "m:latest", fmt.Sprint(i))
				if cancel(); errors.Is(err, ollama.ErrUnavailable) {
					refused.Add(1)
				}
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
	}
	for begun := time.Now(); s.wedged.Load(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Error("the model still hangs")
			break
		}
	}
	close(stop)
	clients.Wait()
	waitUnresponsive(t, c)
	wantRelayed(t, c, "m:latest")
}

func TestAsking_SuspectModelLeavesCallsToAnotherServer(t *testing.T) {
	t.Parallel()
	wedged, well := newSlots(t, 1, 0), newSlots(t, 1, 0)
	wedged.wedged.Store(true)
	c := patient(t, wedged, well)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	go func() { _, _, _ = relay(ctx, c, "m:latest", "") }()
	waitUnresponsive(t, c, "m:latest")
	begun := time.Now()
	for affinity := range uint64(10) {
		r := upstream.Request{Turn: upstream.Turn{Affinity: affinity + 1}, Path: "api/chat", Model: "m:latest"}
		if status, _, err := relayTo(t.Context(), c, r); status != 200 || err != nil {
			t.Errorf("%d, %v", status, err)
		}
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("took %v", took)
	}
}

// When the server itself answers nothing, that is found while a call waits.
func TestAsking_DeadServer(t *testing.T) {
	t.Parallel()
	hole, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	config := config(t, "http://"+hole.Addr().String())
	config.ConnectTimeout, config.FirstTokenTimeout, config.AllowCloud = 30*time.Millisecond, 2*time.Second, true
	c := upstream.New(config)
	ctx, leave := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer leave()
	_, _, _ = relay(ctx, c, "m:latest", "")
	if c.State() == upstream.Closed {
		t.Error("the breaker stays closed")
	}
	wantUnresponsive(t, c)
}
