package upstream_test

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestContractThroughPaddock: in front of an Ollama server, test or real, the whole of Paddock is one to its clients, who
// have to bring a key and nothing else.
func TestContractThroughPaddock(t *testing.T) {
	t.Run("ollamatest", func(t *testing.T) { runContractThroughPaddock(t, nil) })
	t.Run("Ollama", func(t *testing.T) {
		baseURL := os.Getenv("OLLAMA_TEST_URL")
		if baseURL == "" {
			t.Skip("real Ollama: not run: OLLAMA_TEST_URL is not set (make test-ollama sets it)")
		}
		runContractThroughPaddock(t, apptest.Env{"OLLAMA_BASE_URL": baseURL})
	})
}

func runContractThroughPaddock(t *testing.T, env apptest.Env) {
	a := apptest.Start(t, storetest.SQLite(t), env)
	paddock, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	// The client knows no keys, for Ollama has none.
	withKey := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(paddock)
		r.Out.Header.Set("Authorization", "Bearer "+a.AdminKey)
	}})
	t.Cleanup(withKey.Close)
	c := newClient(t, withKey.URL)
	for _, exchange := range contract {
		t.Run(exchange.name, func(t *testing.T) { exchange.run(t, c) })
	}
}
