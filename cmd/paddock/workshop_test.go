package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// jobTime bounds one prompt. Some agents retry for a minute before they report an error.
const jobTime = 2 * time.Minute

// furnish makes the agent's home, and its desk with the note on it.
func (w *workshop) furnish(t *testing.T) {
	t.Helper()
	// Not t.TempDir, since an agent may write to its home after its end.
	root, err := os.MkdirTemp("", "paddock-agent-") //nolint:usetesting // as said above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	w.home, w.desk = filepath.Join(root, "home"), filepath.Join(root, "desk")
	put(t, filepath.Join(w.desk, "note.txt"), note+"\n", 0o600)
}

// typed is what README.md says to type for the agent, with another address, key and model, and a command that works through
// one prompt, as run says, in the place of one that asks a person.
func (w *workshop) typed(t *testing.T, key, run string) *exec.Cmd {
	t.Helper()
	installed, err := filepath.Abs(filepath.Join(clientsDir, "agents", w.name, "node_modules", ".bin", w.command))
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(w.home, "bin", w.command), "#!/bin/sh\nexec '"+installed+"' "+run+"\n", 0o700)
	var shell string
	for _, b := range readmeBlocks(t, w.name) {
		text := b.of(w.app.URL, key, "tiny-agent")
		switch rest, inHome := strings.CutPrefix(b.file, "~/"); {
		case b.language == "sh":
			shell += text
		case inHome:
			put(t, filepath.Join(w.home, rest), text, 0o600)
		default:
			put(t, filepath.Join(w.desk, b.file), text, 0o600)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), jobTime)
	t.Cleanup(cancel)
	agent := exec.CommandContext(ctx, "bash", "-euc", shell)
	agent.Dir = w.desk
	agent.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	agent.Cancel = func() error { return syscall.Kill(-agent.Process.Pid, syscall.SIGKILL) }
	agent.WaitDelay = 5 * time.Second
	agent.Env = []string{
		"HOME=" + w.home, "PATH=" + filepath.Join(w.home, "bin") + ":" + os.Getenv("PATH"), "TERM=dumb", "NO_COLOR=1",
		"PROMPT=Read note.txt, then say what is in it.",
		// Nothing but Paddock can be reached.
		"HTTPS_PROXY=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1", "NO_PROXY=127.0.0.1",
	}
	for name, value := range w.settings {
		agent.Env = append(agent.Env, name+"="+value)
	}
	return agent
}

// put writes a file, and makes the folders that it is in.
func put(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// ask runs the agent with its prompt and returns what it printed.
func (w *workshop) ask(t *testing.T, key, run string) string {
	t.Helper()
	agent := w.typed(t, key, run)
	begun := time.Now()
	printed, err := agent.CombinedOutput()
	if took := time.Since(begun); took >= jobTime {
		t.Errorf("%s is not done after %v", w.command, took)
	}
	return string(printed) + "\n" + errorText(err)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// pressCtrlC sends what a terminal sends to all that runs in it.
func pressCtrlC(t *testing.T, agent *exec.Cmd) {
	t.Helper()
	if err := syscall.Kill(-agent.Process.Pid, syscall.SIGINT); err != nil {
		t.Error(err)
	}
}

// wantDiscreet: what came upstream names no model that runs elsewhere and no tool that a service offers, has none of the
// client's credentials, and no line that spoils the model's cache.
func (w *workshop) wantDiscreet(t *testing.T) {
	t.Helper()
	calls := 0
	for _, s := range w.servers {
		for _, r := range s.Requests() {
			if strings.HasPrefix(r.Path, "/v1/") && len(r.Body) > 0 {
				calls++
			}
			wantDiscreet(t, &r)
		}
	}
	if calls == 0 {
		t.Error("nothing came upstream")
	}
}

func wantDiscreet(t *testing.T, r *ollamatest.Request) {
	t.Helper()
	for _, header := range []string{"Authorization", "X-Api-Key", "Cookie"} {
		if r.Header.Get(header) != "" {
			t.Errorf("%s %s came upstream with %s", r.Method, r.Path, header)
		}
	}
	if bytes.Contains(r.Body, []byte("x-anthropic-billing-header")) {
		t.Errorf("%s %s came upstream with a line that differs in each call", r.Method, r.Path)
	}
	if strings.HasSuffix(r.Model, "cloud") {
		t.Errorf("%s %s came upstream for the model %s", r.Method, r.Path, r.Model)
	}
	for _, kind := range toolsOf(t, r.Body) {
		if kind != "function" && kind != "namespace" && kind != "custom" {
			t.Errorf("%s %s came upstream with the hosted tool %s", r.Method, r.Path, kind)
		}
	}
}

// toolsOf are the kinds of the tools that a request offers.
func toolsOf(t *testing.T, body []byte) []string {
	t.Helper()
	var request struct {
		Tools []struct{ Type string }
	}
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, &request); err != nil {
		t.Errorf("a request of %d bytes: %v", len(body), err)
	}
	kinds := make([]string, len(request.Tools))
	for i, tool := range request.Tools {
		kinds[i] = tool.Type
		if tool.Type == "" { // Anthropic's
			kinds[i] = "function"
		}
	}
	return kinds
}
