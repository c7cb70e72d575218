package upstream_test

import (
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/upstream"
)

// lists makes a server list objects as they are, and answer calls for "m" and "gpt-oss:20b-cloud".
func lists(s *ollamatest.Server, objects ...string) {
	s.Script("/api/tags", ollamatest.Body([]byte(`{"models":[`+strings.Join(objects, ",")+`]}`)))
	s.Script("/api/ps", ollamatest.Body([]byte(`{"models":[`+strings.Join(objects, ",")+`]}`)))
	for _, model := range []string{"m", "gpt-oss:20b-cloud"} {
		s.Script(model, ollamatest.Say("hi"), ollamatest.Done("stop", 1, 1))
	}
}

const (
	local  = `{"name":"m:latest","digest":"1"}`
	copied = `{"name":"m:latest","digest":"2","remote_model":"gpt-oss:20b","remote_host":"https://ollama.com:443"}`
	pulled = `{"name":"gpt-oss:20b-cloud","digest":"3"}`
)

// remotes are lists of one model that runs elsewhere.
var remotes = map[string]struct{ listed, model string }{
	"by its name":          {pulled, "gpt-oss:20b-cloud"},
	"copied":               {copied, "m:latest"},
	"with a host":          {`{"name":"M","remote_host":"https://ollama.com:443"}`, "m:latest"},
	"with a remote model":  {`{"name":"m","remote_model":"gpt-oss:20b"}`, "m:latest"},
	"with an odd host":     {`{"name":"m","remote_host":["ollama.com"]}`, "m:latest"},
	"in two spellings":     {copied + `,{"name":"M:latest"}`, "m:latest"},
	"not in any list":      {local, "gpt-oss:cloud"},
	"in a name of its own": {local, "someone/m:cloud"},
}

func TestRelay_RefusesRemoteModels(t *testing.T) {
	for name, x := range remotes {
		t.Run(name, func(t *testing.T) {
			s := ollamatest.Start(t)
			lists(s, x.listed)
			c := newClient(t, s.URL)
			if remote, err := c.IsRemote(t.Context(), x.model); !remote || err != nil {
				t.Errorf("IsRemote: %v, %v", remote, err)
			}
			begun := func() { t.Error("its turn came") }
			for _, path := range []string{"api/chat", "api/show", "v1/responses"} {
				_, _, err := relayTo(t.Context(), c, upstream.Request{Turn: upstream.Turn{Begun: begun}, Path: path, Model: x.model})
				wantError(t, err, ollama.ErrRemote)
			}
			_, _, _, err := collect(t.Context(), c, hi(x.model))
			wantError(t, err, ollama.ErrRemote)
			_, err = c.Embed(t.Context(), upstream.Turn{}, x.model, []string{"x"})
			wantError(t, err, ollama.ErrRemote)
			wantLeftOut(t, c, x.model)
			for _, r := range s.Posts() {
				if name, _ := ollama.Canonical(r.Model); name == x.model {
					t.Errorf("%s %s was sent", r.Path, r.Body)
				}
			}
		})
	}
}

// wantLeftOut wants no list to have a model.
func wantLeftOut(t *testing.T, c *upstream.Pool, model string) {
	t.Helper()
	tags, err := c.Tags(t.Context())
	running, err2 := c.Running(t.Context())
	models, err3 := c.Models(t.Context())
	for _, m := range models {
		name, _ := ollama.Canonical(m.Name)
		tags = append(tags, ollama.TaggedRaw{Name: name})
	}
	if all := " " + names(append(tags, running...)) + " "; err != nil || err2 != nil || err3 != nil || strings.Contains(all, " "+model+" ") {
		t.Errorf("%s, %v, %v, %v", all, err, err2, err3)
	}
}

func TestRelay_AllowCloud(t *testing.T) {
	for name, x := range remotes {
		t.Run(name, func(t *testing.T) {
			s := ollamatest.Start(t)
			lists(s, x.listed)
			s.Script(x.model, ollamatest.Say("hi"), ollamatest.Done("stop", 1, 1))
			config := config(t, s.URL)
			config.AllowCloud = true
			c := upstream.New(config)
			wantRelayed(t, c, x.model)
			if n := len(s.To("/api/tags")); n != 0 {
				t.Errorf("%d lists asked for", n)
			}
			if remote, err := c.IsRemote(t.Context(), x.model); !remote || err != nil {
				t.Errorf("IsRemote: %v, %v", remote, err)
			}
			want := x.listed != local
			tags, err := c.Tags(t.Context())
			models, err2 := c.Models(t.Context())
			if err != nil || err2 != nil || len(tags) != 1 || len(models) != 1 || tags[0].Remote != want || models[0].Remote != want {
				t.Errorf("%+v, %v, %+v, %v, want one that is remote: %v", tags, err, models, err2, want)
			}
		})
	}
}

func TestIsRemote_LocalModel(t *testing.T) {
	for _, listed := range []string{local, `{"name":"m","remote_host":"","remote_model":null}`, `{"name":"other"}`, `{"name":"m","details":"odd"}`} {
		s := ollamatest.Start(t)
		lists(s, listed)
		c := newClient(t, s.URL)
		for range 3 {
			if remote, err := c.IsRemote(t.Context(), "m:latest"); remote || err != nil {
				t.Errorf("%s: %v, %v", listed, remote, err)
			}
			wantRelayed(t, c, "m:latest")
		}
		if n := len(s.To("/api/tags")); n != 1 {
			t.Errorf("%s: %d lists asked for", listed, n)
		}
	}
}

// What a server lists as remote must be known before it is called.
func TestRelay_NoList(t *testing.T) {
	for name, step := range map[string]ollamatest.Step{
		"fails":                 ollamatest.Status(500, "failed"),
		"is refused by a proxy": ollamatest.Status(403, "forbidden"),
		"is not passed on":      ollamatest.Status(404, "not found"),
		"is a page of HTML":     ollamatest.Body([]byte("<html>")),
		"is none":               ollamatest.Body([]byte(`{"models":{}}`)),
		"is missing":            ollamatest.Body([]byte(`{"error":"backend down"}`)),
		"is null":               ollamatest.Body([]byte(`{"models":null}`)),
	} {
		t.Run(name, func(t *testing.T) {
			servers, config := several(t, "m", "other")
			config.BaseURLs = config.BaseURLs[:1]
			servers[0].Script("/api/tags", step)
			c := upstream.New(config)
			_, err := c.IsRemote(t.Context(), "m:latest")
			wantError(t, err, ollama.ErrUnavailable)
			_, _, err = relay(t.Context(), c, "m:latest", "")
			wantError(t, err, ollama.ErrUnavailable)
			_, _, err = relay(t.Context(), c, "gpt-oss:20b-cloud", "")
			wantError(t, err, ollama.ErrRemote)
			if n := len(servers[0].To("/api/chat")); n != 0 {
				t.Errorf("%d calls went upstream", n)
			}
			config.AllowCloud = true
			wantRelayed(t, upstream.New(config), "m:latest")
		})
	}
}

// A server whose list is not known gets no calls; what the other lists is served there.
func TestRelay_OneListOfTwo(t *testing.T) {
	servers, config := several(t, "m other", "m")
	servers[0].Script("/api/tags", ollamatest.Status(403, "forbidden"))
	c := upstream.New(config)
	for range 4 {
		wantRelayed(t, c, "m:latest")
	}
	_, _, err := relay(t.Context(), c, "other:latest", "")
	wantError(t, err, ollama.ErrUnavailable)
	if n := len(servers[0].To("/api/chat")); n != 0 {
		t.Errorf("%d calls went to the server without a list", n)
	}
}

// What is remote for one server is called on none, though another has it itself.
func TestRelay_RemoteForOneOfSeveral(t *testing.T) {
	for _, listed := range [][]string{{local, copied}, {copied, local}} {
		servers, config := several(t, "m other", "m other")
		for i, s := range servers {
			lists(s, listed[i], `{"name":"other"}`)
		}
		c := upstream.New(config)
		for range 4 {
			_, _, err := relay(t.Context(), c, "m:latest", "")
			wantError(t, err, ollama.ErrRemote)
		}
		wantRelayed(t, c, "other:latest")
		wantLeftOut(t, c, "m:latest")
		config.AllowCloud = true
		wantRelayed(t, upstream.New(config), "m:latest")
	}
}
