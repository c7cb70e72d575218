package upstream_test

import (
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
	c := newClient(t, apptest.WithKey(t, a.URL, a.AdminKey)) // the client knows no keys, for Ollama has none
	for _, exchange := range contract {
		t.Run(exchange.name, func(t *testing.T) { exchange.run(t, c) })
	}
}
