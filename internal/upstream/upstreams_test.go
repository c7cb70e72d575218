package upstream_test

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/upstream"
)

// several returns a client of servers that have the models named, of which the
// first is the newest.
func several(t *testing.T, models ...string) ([]*ollamatest.Server, upstream.Config) {
	t.Helper()
	var servers []*ollamatest.Server
	c := config(t, "http://unused")
	c.BaseURLs = nil
	for _, list := range models {
		s := ollamatest.Start(t)
		has(s, strings.Fields(list)...)
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		servers, c.BaseURLs = append(servers, s), append(c.BaseURLs, u)
	}
	return servers, c
}

// has makes a server have models: each "name" or "name@day".
func has(s *ollamatest.Server, models ...string) {
	var list []string
	for _, m := range models {
		name, day, _ := strings.Cut(m, "@")
		if day == "" {
			day = "01"
		}
		list = append(list, `{"name":"`+name+`","modified_at":"2026-01-`+day+`T00:00:00Z","digest":"`+name+`"}`)
		s.Script(name, ollamatest.Say("hi"), ollamatest.Done("stop", 1, 1))
	}
	s.Script("/api/tags", ollamatest.Body([]byte(`{"models":[`+strings.Join(list, ",")+`]}`)))
	s.Script("/api/ps", ollamatest.Body([]byte(`{"models":[`+strings.Join(list, ",")+`]}`)))
}

func names(list []ollama.TaggedRaw) string {
	var all []string
	for _, m := range list {
		all = append(all, m.Name)
	}
	return strings.Join(all, " ")
}

func TestTags_Union(t *testing.T) {
	servers, config := several(t, "new@20 Both:latest@10 old@01", "middle@15 library/both@12")
	c := upstream.New(config)
	const all = "new:latest middle:latest both:latest old:latest"
	for name, list := range map[string]func(context.Context) ([]ollama.TaggedRaw, error){"tags": c.Tags, "running": c.Running} {
		got, err := list(t.Context())
		if err != nil || names(got) != all {
			t.Errorf("%s: %s, %v", name, names(got), err)
		}
		if len(got) == 4 && string(got[0].Raw) != `{"name":"new","modified_at":"2026-01-20T00:00:00Z","digest":"new"}` {
			t.Errorf("%s: raw %s", name, got[0].Raw)
		}
	}
	if models, err := c.Models(t.Context()); err != nil || len(models) != 4 {
		t.Errorf("%d models, %v", len(models), err)
	}

	servers[0].Stop()
	if got, err := c.Tags(t.Context()); err != nil || names(got) != "middle:latest both:latest" {
		t.Errorf("while one is away: %s, %v", names(got), err)
	}
	servers[1].Stop()
	_, err := c.Tags(t.Context())
	wantError(t, err, ollama.ErrUnavailable)
	_, err = c.Models(t.Context())
	wantError(t, err, ollama.ErrUnavailable)
}

func TestTags_OddTimes(t *testing.T) {
	for _, odd := range []string{`"yesterday"`, `""`, `null`, `1767225600`, `{}`} {
		s := ollamatest.Start(t)
		s.Script("/api/tags", ollamatest.Body([]byte(`{"models":[{"name":"a","modified_at":`+odd+`},{"name":"b","modified_at":"2026-01-01T00:00:00Z"}]}`)))
		c := newClient(t, s.URL)
		if got, err := c.Tags(t.Context()); err != nil || names(got) != "a:latest b:latest" {
			t.Errorf("%s: %s, %v", odd, names(got), err)
		}
		if got, err := c.Models(t.Context()); err != nil || len(got) != 2 || !got[0].ModifiedAt.IsZero() || got[1].ModifiedAt.IsZero() {
			t.Errorf("%s: %+v, %v", odd, got, err)
		}
	}
}

// relay sends a user's chat and returns its whole answer.
func relay(ctx context.Context, c *upstream.Pool, model, user string) (status int, text string, err error) {
	return relayTo(ctx, c, upstream.Request{Turn: upstream.Turn{User: user}, Path: "api/chat", Model: model})
}

// relayTo sends a chat's body anywhere.
func relayTo(ctx context.Context, c *upstream.Pool, r upstream.Request) (status int, text string, err error) {
	r.Body = ollama.NewBody([]byte(`{"model":"` + r.Model + `","messages":[{"role":"user","content":"hi"}]}`))
	a, err := c.Relay(ctx, r)
	if err != nil {
		return 0, "", err
	}
	defer a.Close()
	b, err := io.ReadAll(a)
	return a.Status, string(b), err
}

func wantRelayed(t *testing.T, c *upstream.Pool, model string) {
	t.Helper()
	if status, text, err := relay(t.Context(), c, model, ""); status != 200 || !strings.Contains(text, `"done":true`) || err != nil {
		t.Errorf("%s: %d, %q, %v", model, status, text, err)
	}
}

func TestRelay_WhereTheModelIs(t *testing.T) {
	servers, config := several(t, "one both", "two both")
	c := upstream.New(config)
	for range 5 {
		wantRelayed(t, c, "one:latest")
		wantRelayed(t, c, "two:latest")
	}
	for i, model := range []string{"one:latest", "two:latest"} {
		for _, r := range servers[i].To("/api/chat") {
			if r.Model != model {
				t.Errorf("server %d was asked for %s", i, r.Model)
			}
		}
	}
	if n := len(servers[0].To("/api/tags")) + len(servers[1].To("/api/tags")); n != 2 {
		t.Errorf("%d lists asked for, want one of each server", n)
	}
	if status, _, err := relay(t.Context(), c, "nope:latest", ""); status != 404 || err != nil {
		t.Errorf("a model that nobody has: %d, %v, want the upstream's own 404", status, err)
	}
	has(servers[1], "fresh", "one")
	has(servers[0], "both")
	servers[0].Script("one", ollamatest.Status(404, "model 'one' not found"))
	time.Sleep(1100 * time.Millisecond) // until lists may be asked for again
	wantRelayed(t, c, "one:latest")
	wantRelayed(t, c, "fresh:latest")
}

// Metrics are told apart by the names.
func TestUpstreams_Names(t *testing.T) {
	for urls, want := range map[string]string{
		"http://gpu:11434":                              "gpu:11434",
		"http://gpu http://gpu2/ollama":                 "gpu gpu2",
		"http://gpu http://gpu:8080":                    "gpu gpu:8080",
		"http://gpu/a http://gpu/b http://gpu2":         "gpu/a gpu/b gpu2",
		"http://gpu/a https://gpu/a https://gpu/b":      "http://gpu/a https://gpu/a gpu/b",
		"http://gpu https://gpu https://gpu/a http://x": "http://gpu https://gpu gpu/a x",
	} {
		var config upstream.Config
		for base := range strings.FieldsSeq(urls) {
			u, err := url.Parse(base)
			if err != nil {
				t.Fatal(err)
			}
			config.BaseURLs = append(config.BaseURLs, u)
		}
		var names []string
		for _, u := range upstream.New(config).Upstreams() {
			names = append(names, u.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s, want %s", urls, got, want)
		}
	}
}

func TestRelay_LeastBusyServer(t *testing.T) {
	servers, config := several(t, "m", "m")
	c := upstream.New(config)
	for _, s := range servers {
		s.Script("m", ollamatest.Say("a"), ollamatest.Hang())
	}
	for range 4 {
		a, err := c.Relay(t.Context(), upstream.Request{Path: "api/chat", Model: "m:latest", Body: ollama.NewBody([]byte(`{"model":"m"}`))})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
	}
	for i, u := range c.Upstreams() {
		if u.InFlight != 2 || u.Name != config.BaseURLs[i].Host || u.State != upstream.Closed {
			t.Errorf("%+v", u)
		}
	}
}

func TestVersion_ServersAway(t *testing.T) {
	servers, config := several(t, "m", "m")
	c := upstream.New(config)
	servers[0].Stop()
	var asking sync.WaitGroup
	for range 50 {
		asking.Go(func() {
			if v, err := c.Version(t.Context()); v != "0.17.4" || err != nil {
				t.Errorf("%q, %v", v, err)
			}
		})
	}
	asking.Wait()
	servers[1].Stop()
	if v, err := c.Version(t.Context()); v != "0.17.4" || err != nil {
		t.Errorf("while all are away: %q, %v", v, err)
	}
	if n := len(servers[1].To("/api/version")); n > 1 {
		t.Errorf("asked %d times", n)
	}
	_, err := upstream.New(config).Version(t.Context())
	wantError(t, err, ollama.ErrUnavailable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := upstream.New(config).Version(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

// Also after it has ended, an answer says whose it is.
func TestAnswer_Server(t *testing.T) {
	_, config := several(t, "one", "two")
	c := upstream.New(config)
	for i, model := range []string{"one:latest", "two:latest"} {
		a, err := c.Relay(t.Context(), upstream.Request{Path: "api/chat", Model: model, Body: ollama.NewBody([]byte(`{"model":"` + model + `"}`))})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, a)
		a.Close()
		if a.Server != config.BaseURLs[i].Host {
			t.Errorf("%s: answered by %q", model, a.Server)
		}
	}
}
