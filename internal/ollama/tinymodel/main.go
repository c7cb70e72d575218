// Command tinymodel writes very small GGUF models that a real Ollama server
// loads and runs on a CPU, with a Modelfile.NAME for each `ollama create NAME`.
// The files are the same for every run, byte for byte.
//
//	tiny-chat    always answers the same text of 27 tokens, then stops
//	tiny-loop    counts through the Greek alphabet until it is stopped
//	tiny-slow    the same, some milliseconds a token
//	tiny-stuck   repeats one word; Ollama gives up without a done line
//	tiny-think   thinks before it answers
//	tiny-tools   answers with a tool call
//	tiny-embed   gives unit vectors of 64 dimensions
//
// Usage: tinymodel -o FOLDER
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// slowBlocks makes tiny-slow as slow as it is, on one core of 2026.
const slowBlocks = 96

func main() {
	folder := flag.String("o", ".", "folder to write to")
	flag.Parse()
	if err := write(*folder); err != nil {
		fmt.Fprintln(os.Stderr, "tinymodel:", err)
		os.Exit(1)
	}
}

func write(folder string) error {
	for name, model := range map[string]*gguf{
		"tiny-chat.gguf":  chatModel("tiny-chat", 1),
		"tiny-slow.gguf":  chatModel("tiny-slow", slowBlocks),
		"tiny-embed.gguf": embedModel(),
	} {
		if err := model.write(filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	for name, text := range modelfiles() {
		if err := os.WriteFile(filepath.Join(folder, "Modelfile."+name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Prompt templates without their last token, which picks the chain.
const (
	turns      = "{{ range .Messages }}{{ .Role }}: {{ .Content }}{{ .Thinking }}\n{{ end }}"
	turnsThink = "{{ range .Messages }}{{ .Role }}: {{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}{{ .Content }}\n{{ end }}"
	turnsTools = `{{ if .Tools }}tools: {{ .Tools }}{{ end }}{{ range .Messages }}{{ .Role }}: {{ .Content }}` +
		`{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", "parameters": {{ .Function.Arguments }}}{{ end }}` + "\n{{ end }}"
)

// modelfiles returns the Modelfile of each model by its name.
func modelfiles() map[string]string {
	chat := func(file, template string) string {
		return fmt.Sprintf("FROM ./%s\nTEMPLATE \"\"\"%s\"\"\"\nPARAMETER temperature 0\nPARAMETER num_thread 1\n", file, template)
	}
	return map[string]string{
		"tiny-chat":  chat("tiny-chat.gguf", turns+"<|assistant|>"),
		"tiny-loop":  chat("tiny-chat.gguf", turns+"<|loop|>"),
		"tiny-slow":  chat("tiny-slow.gguf", turns+"<|loop|>"),
		"tiny-stuck": chat("tiny-chat.gguf", turns+"<|stuck|>"),
		"tiny-think": chat("tiny-chat.gguf", turnsThink+"<|think|>"),
		"tiny-tools": chat("tiny-chat.gguf", turnsTools+"<|tool|>"),
		"tiny-embed": "FROM ./tiny-embed.gguf\nPARAMETER num_thread 1\n",
	}
}
