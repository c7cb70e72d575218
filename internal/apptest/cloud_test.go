package apptest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// cloudNames are spellings of models that Ollama runs on ollama.com: by their name, and by its list.
var cloudNames = []string{
	"gpt-oss:20b-cloud", "gpt-oss:20b:cloud", "GPT-OSS:20B-Cloud", "library/gpt-oss:120b-cloud", "registry.ollama.ai/library/kimi-k2:CLOUD",
	"https://registry.ollama.ai/library/gpt-oss:cloud", "anybody/thing:cloud", "house-model", "HOUSE-model:latest",
}

// modelRoutes are requests for a model of each route that has one, with NAME in its place.
var modelRoutes = map[string]string{
	"/api/chat":                 `{"model":"NAME","stream":false,"messages":[{"role":"user","content":"hi"}]}`,
	"/api/generate":             `{"model":"NAME","stream":false,"prompt":"hi"}`,
	"/api/embed":                `{"model":"NAME","input":"hi"}`,
	"/api/embeddings":           `{"model":"NAME","prompt":"hi"}`,
	"/api/show":                 `{"model":"NAME"}`,
	"/v1/chat/completions":      `{"model":"NAME","messages":[{"role":"user","content":"hi"}]}`,
	"/v1/completions":           `{"model":"NAME","prompt":"hi"}`,
	"/v1/embeddings":            `{"model":"NAME","input":"hi"}`,
	"/v1/responses":             `{"model":"NAME","input":"hi"}`,
	"/v1/messages":              `{"model":"NAME","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`,
	"/v1/messages/count_tokens": `{"model":"NAME","messages":[{"role":"user","content":"hi"}]}`,
}

func askWith(t *testing.T, a *apptest.App, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, a.URL+path, strings.NewReader(body))
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+a.AdminKey)
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, string(text)
}

// TestCloudModels_Refused checks that no spelling of a model that runs elsewhere gets there by any route or RPC, that each
// attempt is audited, and that no list shows one.
func TestCloudModels_Refused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		a := apptest.Start(t, url, nil)
		for _, m := range ollamatest.CloudModels() {
			a.Upstream.Add(m)
		}
		tries := 0
		for _, name := range cloudNames {
			for path, body := range modelRoutes {
				status, text := askWith(t, a, http.MethodPost, path, strings.ReplaceAll(body, "NAME", name))
				if tries++; status != http.StatusForbidden || !strings.Contains(text, "outside of this organisation") {
					t.Errorf("%s, %s: %d %s", path, name, status, text)
				}
			}
			tries++
			apptest.WantReason(t, chatWith(t, a, a.AdminKey, name), apierr.ModelIsRemote)
		}
		for _, r := range a.Upstream.Posts() {
			t.Errorf("%s %s went upstream", r.Path, r.Body)
		}
		denied := 0
		for _, e := range allEntries(t, a, "access_denied") {
			if strings.Contains(e.GetDetail(), "outside of this organisation") {
				denied++
			}
		}
		if denied != tries {
			t.Errorf("%d entries of %d tries", denied, tries)
		}
		for _, path := range []string{"/api/tags", "/api/ps", "/v1/models"} {
			if status, text := askWith(t, a, http.MethodGet, path, ""); status != http.StatusOK || strings.Contains(text, "cloud") || strings.Contains(text, "house") {
				t.Errorf("%s: %d %s", path, status, text)
			}
		}
		if shown := listed(t, a, a.AdminKey); strings.Contains(shown, "cloud") || strings.Contains(shown, "house") {
			t.Errorf("listed: %s", shown)
		}
	})
}

// TestCloudModels_Allowed checks that models that run elsewhere are served, and shown as such, where an operator allows
// them; hosted tools pass, too.
func TestCloudModels_Allowed(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"ALLOW_CLOUD_MODELS": "true"})
	for _, m := range ollamatest.CloudModels() {
		a.Upstream.Add(m)
	}
	for _, name := range []string{"gpt-oss:20b-cloud", "house-model"} {
		body := `{"model":"` + name + `","input":"hi","tools":[{"type":"web_search"}]}`
		if status, text := askWith(t, a, http.MethodPost, "/v1/responses", body); status != http.StatusOK {
			t.Errorf("%s: %d %s", name, status, text)
		}
		all := a.Upstream.Posts()
		if sent := string(all[len(all)-1].Body); !strings.Contains(sent, "web_search") {
			t.Errorf("sent %s", sent)
		}
	}
	if status, text := askWith(t, a, http.MethodGet, "/api/tags", ""); status != http.StatusOK || !strings.Contains(text, `"remote_host":"https://ollama.com:443"`) {
		t.Errorf("%d %s", status, text)
	}
}
