package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
)

// pasted is a block of README.md that a person pastes for a client.
type pasted struct {
	file     string // that it belongs in, "" for none
	language string
	text     string
}

var pastedBlock = regexp.MustCompile("(?ms)(?:^In `([^`]+)`:\n\n)?^```(\\w+)\n(.*?)^```$")

// readmeBlocks are the blocks of README.md for a client, by the link to them.
func readmeBlocks(t *testing.T, client string) []pasted {
	t.Helper()
	var blocks []pasted
	for section := range strings.SplitSeq(readmePart(t, "clients"), "\n### ") {
		title, text, _ := strings.Cut(section, "\n")
		if strings.NewReplacer(" ", "-", "'", "").Replace(strings.ToLower(title)) != client {
			continue
		}
		for _, m := range pastedBlock.FindAllStringSubmatch(text, -1) {
			blocks = append(blocks, pasted{m[1], m[2], m[3]})
		}
	}
	if len(blocks) == 0 {
		t.Fatalf("README.md has nothing to paste for %s", client)
	}
	return blocks
}

// of is the block for another address, key and model than README.md's.
func (p pasted) of(url, key, model string) string {
	return strings.NewReplacer("http://127.0.0.1:8080", url, "pdk_…", key, "qwen3-coder", model).Replace(p.text)
}

// TestREADME_LibraryBlocks runs the programs that README.md shows.
func TestREADME_LibraryBlocks(t *testing.T) {
	t.Parallel()
	upstream := ollamatest.Start(t)
	paddock := start(t, onItsOwn(t).with(environment{"OLLAMA_BASE_URL": upstream.URL}), "serve")
	a := paddock.app(t)
	user := a.NewPerson(t, "user")
	for _, c := range []struct{ client, dir, program string }{
		{"anthropics-sdk", "anthropic", "node"},
		{"openais-sdk-for-javascript", "npm", "node"},
		{"openais-sdk-for-go", "openai", "go"},
	} {
		t.Run(c.client, func(t *testing.T) {
			dir := filepath.Join(clientsDir, c.dir)
			install(t, dir, c.program)
			text := readmeBlocks(t, c.client)[0].of(a.URL, user.Key, "tiny-chat")
			if printed := runProgram(t, dir, c.program, text); !strings.Contains(printed, ollamatest.ChatAnswer) {
				t.Errorf("README.md's program prints\n%s", printed)
			}
		})
	}
	if len(upstream.Requests()) == 0 {
		t.Error("nothing came upstream")
	}
}

// runProgram runs a program's text with what is installed in a folder.
func runProgram(t *testing.T, dir, program, text string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "node", "--input-type=module", "-")
	command.Stdin = strings.NewReader(text)
	if program == "go" {
		file := filepath.Join(t.TempDir(), "main.go")
		put(t, file, text, 0o600)
		command = exec.CommandContext(t.Context(), "go", "run", file)
	}
	command.Dir = dir
	printed, err := command.CombinedOutput()
	return string(printed) + errorText(err)
}
