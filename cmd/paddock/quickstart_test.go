package main

import (
	"bytes"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/ui"
)

// TestQuickstart does what the README tells a newcomer to do, against the program as it is built, with the real curl and
// grpcurl, and compares what it shows.
func TestQuickstart(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the quickstart needs %s: %v", tool, err)
		}
	}
	steps := readSteps(t, readmePart(t, "quickstart"))
	if len(steps) < 2 || steps[0].commands != "make run\n" {
		t.Fatal("the quickstart does not begin with make run")
	}
	addr, shown := startDev(t)
	if !ui.Built() {
		shown = strings.Replace(shown, "none, for it was built without Node.js", "http://"+addr, 1)
	}
	steps[0].compare(t, shown)

	if why := grpcurlMissing(t); why != "" {
		t.Logf("NOT RUN: the steps with grpcurl, which cannot be built: %s", why)
		steps = withoutGRPCurl(steps)
	}
	for i, output := range runSteps(t, steps[1:], addr) {
		steps[i+1].compare(t, output)
	}
}

// step is a block of commands and the block of output that follows it, if any.
type step struct{ commands, output string }

var block = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

func readSteps(t *testing.T, part string) []step {
	t.Helper()
	var steps []step
	for _, m := range block.FindAllStringSubmatch(part, -1) {
		switch language, text := m[1], m[2]; {
		case language == "sh":
			steps = append(steps, step{commands: text})
		case len(steps) == 0 || steps[len(steps)-1].output != "":
			t.Fatalf("output of no commands: %s", text)
		default:
			steps[len(steps)-1].output = text
		}
	}
	return steps
}

// compare holds the output against the README's, in which "…" stands for anything.
func (s step) compare(t *testing.T, output string) {
	t.Helper()
	pattern := regexp.QuoteMeta(strings.TrimSpace(sameForAll(s.output)))
	pattern = "(?s)^" + strings.ReplaceAll(pattern, "…", ".*") + "$"
	if got := strings.TrimSpace(sameForAll(output)); s.output != "" && !regexp.MustCompile(pattern).MatchString(got) {
		t.Errorf("README.md shows of\n%s\n%s\nbut it is\n%s", s.commands, s.output, output)
	}
}

// vary is what differs from one run to the next.
var vary = regexp.MustCompile(strings.Join([]string{
	`pdk_\w+`, // API keys and their prefixes
	`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`,
	`\d{4}-\d\d-\d\dT[\d:.]+Z`,
	`"[\d.]+s"`,
	`(127\.0\.0\.1|localhost):\d+`,
}, "|"))

func sameForAll(output string) string { return vary.ReplaceAllString(output, "~") }

// startDev runs the program's dev command on a free port until the test ends, and returns the address and what it printed
// until it was ready.
func startDev(t *testing.T) (addr, shown string) {
	t.Helper()
	upstream := httptest.NewServer(ollamatest.New())
	t.Cleanup(upstream.Close)
	dev := start(t, environment{"LISTEN_ADDR": "127.0.0.1:0", "OLLAMA_BASE_URL": upstream.URL}, "dev")
	t.Cleanup(func() { dev.stop(t) })
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		shown = dev.stdout.String()
		if m := docsLine.FindStringSubmatch(shown); m != nil && strings.Contains(shown, "Ctrl-C stops it.\n") {
			return m[1], shown
		}
	}
	t.Fatalf("paddock dev is not ready:\n%s%s", shown, dev.stderr.String())
	return "", ""
}

var docsLine = regexp.MustCompile(`(?m)^  API docs +http://(\S+)/docs$`)

// runSteps runs the commands of all steps in one shell, in the repository's root, and returns the output of each.
func runSteps(t *testing.T, steps []step, addr string) []string {
	t.Helper()
	const end = "---- end of step ----"
	script := "set -euo pipefail\n"
	for _, s := range steps {
		// Usage is written a moment after the answer; a person who types the next step is no quicker than that.
		script += strings.ReplaceAll(s.commands, "127.0.0.1:8080", addr) + "\necho '" + end + "'\nsleep 0.5\n"
	}
	shell := exec.CommandContext(t.Context(), "bash", "-c", script)
	shell.Dir = "../.."
	var stderr bytes.Buffer
	shell.Stderr = &stderr
	stdout, err := shell.Output()
	outputs := strings.Split(string(stdout), end+"\n")
	if err != nil {
		t.Fatalf("%v in step %d:\n%s\n%s%s", err, len(outputs), steps[len(outputs)-1].commands, outputs[len(outputs)-1], &stderr)
	}
	return outputs[:len(steps)]
}

// grpcurlMissing builds grpcurl, and returns why that is not possible.
func grpcurlMissing(t *testing.T) string {
	t.Helper()
	build := exec.CommandContext(t.Context(), "go", "tool", "-modfile=internal/tools/grpcurl/go.mod", "grpcurl", "-version")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return string(out)
	}
	return ""
}

func withoutGRPCurl(steps []step) []step {
	var rest []step
	for _, s := range steps {
		if !strings.Contains(s.commands, "grpcurl") {
			rest = append(rest, s)
		}
	}
	return rest
}
