package apptest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestUpstreams_OneUnavailable checks that calls go to any upstream that answers as long as there is one, and that the other
// is reported as unavailable.
func TestUpstreams_OneUnavailable(t *testing.T) {
	t.Parallel()
	one, other := ollamatest.Start(t), ollamatest.Start(t)
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"OLLAMA_BASE_URL": one.URL + ", " + other.URL})
	readyz := func() string {
		return send(t, http.MethodGet, a.URL+"/readyz", nil, "").body
	}
	if body := readyz(); !strings.Contains(body, `"upstream":"ok"`) {
		t.Error(body)
	}
	overview := func() []*paddockv1.UpstreamHealth {
		m, err := a.Admin().Overview.GetOverview(t.Context(), &paddockv1.GetOverviewRequest{})
		must(t, err)
		return m.GetOverview().GetUpstreams()
	}
	if u := overview(); len(u) != 2 || !u[0].GetUp() || !u[1].GetUp() || u[0].GetName() == u[1].GetName() || u[0].GetName() == "" {
		t.Errorf("%v", u)
	}
	must(t, chatWith(t, a, a.AdminKey, "tiny-chat"))
	one.Stop()
	_ = chatWith(t, a, a.AdminKey, "tiny-chat") // may have been seen, for all we know, and is not repeated
	for range 5 {
		must(t, chatWith(t, a, a.AdminKey, "tiny-chat"))
	}
	if !strings.Contains(listed(t, a, a.AdminKey), "tiny-chat:latest") {
		t.Error("no models are listed")
	}
	if u := overview(); u[0].GetUp() || u[0].GetProblem() == "" || !u[1].GetUp() {
		t.Errorf("%v", u)
	}
	other.Stop()
	if err := chatWith(t, a, a.AdminKey, "tiny-chat"); err == nil {
		t.Error("nobody is there, and answers")
	}
}

// TestAffinity_Names checks that the turns of a conversation go to one server by each of its names, however their prompts
// begin; without a name they are spread.
func TestAffinity_Names(t *testing.T) {
	t.Parallel()
	one, other := ollamatest.Start(t), ollamatest.Start(t)
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"OLLAMA_BASE_URL": one.URL + "," + other.URL})
	const turns = 12
	for name, conversation := range map[string]struct{ header, field string }{
		"Claude Code": {header: "X-Claude-Code-Session-Id"},
		"Codex":       {header: "session-id"},
		"OpenCode":    {header: "x-session-affinity"},
		"OpenAI":      {field: `"prompt_cache_key":"c-1",`},
		"none":        {},
	} {
		before := [2]int{len(one.Posts()), len(other.Posts())}
		for turn := range turns {
			header := bearerOf(a.AdminKey)
			if conversation.header != "" {
				header.Set(conversation.header, "c-1")
			}
			got := send(t, http.MethodPost, a.URL+"/v1/chat/completions", header,
				`{"model":"tiny-chat",`+conversation.field+`"messages":[{"role":"user","content":"`+strings.Repeat(string(rune('a'+turn)), 99)+`"}]}`)
			if got.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d %s", name, got.StatusCode, got.body)
			}
		}
		first, second := len(one.Posts())-before[0], len(other.Posts())-before[1]
		if together := first == turns || second == turns; together != (name != "none") || first+second != turns {
			t.Errorf("%s: %d and %d turns", name, first, second)
		}
	}
}
