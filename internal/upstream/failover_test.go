package upstream_test

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/upstream"
)

func TestFailover_DeadServer(t *testing.T) {
	servers, config := several(t, "m", "m")
	c := upstream.New(config)
	wantRelayed(t, c, "m:latest") // the lists are known
	servers[0].Stop()
	_, _, _ = relay(t.Context(), c, "m:latest", "") // on a connection of old it may have been served
	for range 5 {
		wantRelayed(t, c, "m:latest")
		_, _ = c.Tags(t.Context()) // which asks both
	}
	if c.State() != upstream.Closed {
		t.Errorf("state %v while one server is healthy", c.State())
	}
	if u := c.Upstreams(); u[0].State == upstream.Closed || u[1].State != upstream.Closed || u[0].InFlight != 0 || u[1].InFlight != 0 {
		t.Errorf("%+v, want doubt about the first only", u)
	}

	servers[1].Stop()
	for range 4 {
		_, _, err := relay(t.Context(), c, "m:latest", "")
		wantError(t, err, ollama.ErrUnavailable)
	}
	if c.State() == upstream.Closed {
		t.Error("closed while all are away")
	}
	servers[0].Resume(t)
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if _, _, err := relay(t.Context(), c, "m:latest", ""); err == nil {
			break
		} else if time.Since(begun) > 10*time.Second {
			t.Fatal(err)
		}
	}
}

func TestFailover_WaitingCallAndServerComesBack(t *testing.T) {
	for name, calls := range map[string]int{"known to be dead": 3, "found dead by the call": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servers, config := several(t, "m", "m")
			config.MaxInflight, config.MaxQueue, config.QueueTimeout = 1, 10, 20*time.Second
			c := upstream.New(config)
			wantRelayed(t, c, "m:latest") // the lists are known
			servers[0].Stop()
			_, _, _ = relay(t.Context(), c, "m:latest", "") // on a connection of old it may have been served
			for range calls {
				_, _ = c.Tags(t.Context())
			}
			servers[1].Script("m", ollamatest.Say("a"), ollamatest.Hang())
			busy, err := c.Relay(t.Context(), upstream.Request{Path: "api/chat", Model: "m:latest", Body: ollama.NewBody([]byte(`{"model":"m"}`))})
			if err != nil {
				t.Fatal(err)
			}
			defer busy.Close()
			var waiting sync.WaitGroup
			waiting.Go(func() { wantRelayed(t, c, "m:latest") })
			for c.Stats().Waiting < 1 {
				time.Sleep(time.Millisecond)
			}
			servers[0].Resume(t)
			waiting.Wait()
		})
	}
}

// A request that an upstream may have seen is not sent to another, whatever came
// of it.
func TestFailover_NoRepeats(t *testing.T) {
	for name, script := range map[string]steps{
		"cut before the answer": {ollamatest.Cut()},
		"cut in mid-answer":     {ollamatest.Say("a"), ollamatest.Cut()},
		"silence":               {ollamatest.Hang()},
		"error status":          {ollamatest.Status(500, "failed")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servers, config := several(t, "m", "m")
			config.FirstTokenTimeout = 200 * time.Millisecond
			for _, s := range servers {
				s.Script("m", script...)
			}
			status, _, err := relay(t.Context(), upstream.New(config), "m:latest", "")
			if err == nil && status == 200 {
				t.Error("no error")
			}
			if n := len(servers[0].To("/api/chat")) + len(servers[1].To("/api/chat")); n != 1 {
				t.Errorf("%d servers were asked", n)
			}
		})
	}
}

// What Ollama itself refuses it has not begun to serve.
func TestFailover_Refused(t *testing.T) {
	for name, x := range map[string]struct {
		path, answer string
		step         ollamatest.Step
		status       int
	}{
		"no such model":              {"api/chat", `{"error":"model 'm' not found"}`, ollamatest.Status(404, "model 'm' not found"), 404},
		"no such model, OpenAI":      {"v1/chat/completions", `…model 'm' not found…`, ollamatest.Status(404, "model 'm' not found"), 404},
		"no such model, asked about": {"api/show", `{"error":"model 'm' not found"}`, ollamatest.Status(404, "model 'm' not found"), 404},
		"full queue":                 {"api/chat", `{"error":"server busy…`, ollamatest.QueueFull(), 503},
		"full queue, Anthropic":      {"v1/messages", `…server busy…`, ollamatest.QueueFull(), 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servers, config := several(t, "m", "m")
			c := upstream.New(config)
			ask := upstream.Request{Path: x.path, Model: "m:latest"}
			servers[0].Script("m", x.step)
			servers[1].Script("m", ollamatest.Body([]byte(`{}`)))
			for range 5 {
				if status, text, err := relayTo(t.Context(), c, ask); status != 200 || text != `{}` || err != nil {
					t.Errorf("%d, %q, %v", status, text, err)
				}
			}
			if len(servers[0].To("/"+x.path)) == 0 {
				t.Error("the first server was not asked: the test shows nothing")
			}
			servers[1].Script("m", x.step)
			if status, text, err := relayTo(t.Context(), c, ask); status != x.status || !ollamatest.Like(text, x.answer) || err != nil {
				t.Errorf("of both: %d, %q, %v", status, text, err)
			}
			for _, u := range c.Upstreams() {
				if u.InFlight != 0 || u.State != upstream.Closed {
					t.Errorf("%+v", u)
				}
			}
		})
	}
}

// Nothing of a call is sent before the handshake.
func TestFailover_UntrustedCertificate(t *testing.T) {
	unknown := httptest.NewUnstartedServer(http.NotFoundHandler())
	unknown.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // it says that the handshake failed
	unknown.StartTLS()
	t.Cleanup(unknown.Close)
	servers, config := several(t, "m")
	servers[0].Script("/api/tags", ollamatest.Status(500, "failed")) // so either may have the model
	u, err := url.Parse(unknown.URL)
	if err != nil {
		t.Fatal(err)
	}
	config.BaseURLs = slices.Insert(config.BaseURLs, 0, u)
	config.AllowCloud = true // else the lists must be known
	c := upstream.New(config)
	for range 5 {
		wantRelayed(t, c, "m:latest")
	}
}

// A server that fails at once always is the least busy one.
func TestFailover_FailingServer(t *testing.T) {
	for name, script := range map[string]steps{
		"failure":               {ollamatest.Status(500, "CUDA error: device lost")},
		"bad gateway":           {ollamatest.Status(502, "bad gateway")},
		"gateway time-out":      {ollamatest.Status(504, "gateway time-out")},
		"cut before the answer": {ollamatest.Cut()},
		"cut in mid-answer":     {ollamatest.Say("a"), ollamatest.Cut()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servers, config := several(t, "m", "m")
			c := upstream.New(config)
			servers[0].Script("m", script...)
			_, _, _ = relay(t.Context(), c, "m:latest", "a")
			for range 10 {
				wantRelayed(t, c, "m:latest")
			}
			if n := len(servers[0].To("/api/chat")); n != 1 {
				t.Errorf("the sick server was asked %d times", n)
			}
		})
	}
}

func TestFailover_BlackHole(t *testing.T) {
	hole, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	_, config := several(t, "m")
	u := &url.URL{Scheme: "http", Host: hole.Addr().String()}
	config.BaseURLs = slices.Insert(config.BaseURLs, 0, u)
	config.ConnectTimeout = 50 * time.Millisecond
	c := upstream.New(config)
	for range 4 {
		if got, err := c.Tags(t.Context()); err != nil || names(got) != "m:latest" {
			t.Errorf("%s, %v", names(got), err)
		}
	}
	if u := c.Upstreams(); u[0].State == upstream.Closed || u[1].State != upstream.Closed {
		t.Errorf("%+v, want doubt about the first only", u)
	}
	wantRelayed(t, c, "m:latest")
}
