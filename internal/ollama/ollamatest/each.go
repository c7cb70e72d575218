package ollamatest

import (
	"os"
	"strings"
	"testing"
)

// Each runs a test against the test Ollama, and against a real one that holds the
// models of tinymodel when OLLAMA_TEST_URL names it.
func Each(t *testing.T, run func(t *testing.T, baseURL string)) {
	t.Run("ollamatest", func(t *testing.T) { run(t, Start(t).URL) })
	t.Run("Ollama", func(t *testing.T) {
		baseURL := os.Getenv("OLLAMA_TEST_URL")
		if baseURL == "" {
			t.Skip("real Ollama: not run: OLLAMA_TEST_URL is not set (make test-ollama sets it)")
		}
		run(t, baseURL)
	})
}

// Like reports whether s has the parts of pattern that stand around "…", in order.
func Like(s, pattern string) bool {
	parts := strings.Split(pattern, "…")
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) || len(parts) == 1 && s != pattern {
		return false
	}
	for _, part := range parts {
		_, after, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = after
	}
	return true
}
