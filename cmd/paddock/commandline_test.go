package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// TestOllamaCommandLine runs Ollama's own command line: it can send no key, so that it gets no further than the heartbeat;
// through a proxy that adds one it can do what Paddock serves, and nothing else.
func TestOllamaCommandLine(t *testing.T) {
	t.Parallel()
	bin := ollamaBinary(t)
	upstream := ollamatest.Start(t)
	a := start(t, onItsOwn(t).with(environment{"OLLAMA_BASE_URL": upstream.URL}), "serve").app(t)
	proxy := apptest.WithKey(t, a.URL, a.NewPerson(t, "user").Key)
	direct := strings.TrimPrefix(a.URL, "http://")
	for _, c := range []struct {
		name, host, command string
		works               bool
		says                string
	}{
		{"the version needs no key", a.URL, "--version", true, "ollama version is 0.17.4"},
		{"the list needs one", a.URL, "list", false, "Error: a valid session token or API key is needed"},
		{"a key is no user in OLLAMA_HOST", "http://" + a.AdminKey + "@" + direct, "list", false, "invalid URL escape"},
		{"list", proxy, "list", true, "tiny-chat:latest"},
		{"ps", proxy, "ps", true, "tiny-chat:latest"},
		{"show", proxy, "show tiny-chat", true, "context length      2048"},
		{"show --modelfile", proxy, "show --modelfile tiny-chat", true, "FROM tiny-chat:latest"},
		{"run", proxy, "run tiny-chat hi", true, ollamatest.ChatAnswer},
		{"run --format", proxy, "run tiny-tools hi --format json", true, `"get_weather"`},
		{"run of an embedding model", proxy, "run tiny-embed hello", true, "["},
		{"run of an unknown model", proxy, "run nope hi", false, "does not serve this path"},
		{"pull", proxy, "pull tiny-chat", false, "Paddock does not serve this path"},
		{"rm", proxy, "rm tiny-chat", false, "does not serve this path"},
		{"cp", proxy, "cp tiny-chat mine", false, "does not serve this path"},
		{"stop", proxy, "stop tiny-chat", false, "models are not unloaded through this server"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cli := exec.CommandContext(t.Context(), bin, strings.Fields(c.command)...)
			cli.Env = []string{"HOME=" + t.TempDir(), "OLLAMA_HOST=" + c.host}
			var stdout, stderr bytes.Buffer // the latter has what moves on a terminal in between
			cli.Stdout, cli.Stderr = &stdout, &stderr
			err := cli.Run()
			if (err == nil) != c.works || !strings.Contains(stdout.String()+stderr.String(), c.says) {
				t.Errorf("%v: %s%s", err, &stdout, &stderr)
			}
		})
	}
	for _, r := range upstream.Requests() {
		switch r.Path {
		case "/api/pull", "/api/delete", "/api/copy", "/api/me", "/api/signout":
			t.Errorf("%s went upstream", r.Path)
		}
	}
}

// ollamaBinary is $OLLAMA_BIN, `ollama` on the PATH, or what make test-ollama has built.
func ollamaBinary(t *testing.T) string {
	t.Helper()
	built, err := filepath.Abs(filepath.Join("..", "..", ".tools", "ollama", "bin", "ollama"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{os.Getenv("OLLAMA_BIN"), "ollama", built} {
		if bin, err := exec.LookPath(name); err == nil {
			return bin
		}
	}
	t.Skip("Ollama's command line: not run: no program ollama (make test-ollama builds it)")
	return ""
}
