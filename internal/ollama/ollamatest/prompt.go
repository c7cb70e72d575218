package ollamatest

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/template"
)

const chatContext = 2048 // tokens

// render puts a request into the text that the model reads, by the templates of
// internal/ollama/tinymodel.
func render(r *chatRequest, model chatModel) (string, error) {
	switch {
	case r.generates && r.Raw:
		return r.Prompt, nil
	case r.generates && r.Template != "":
		return renderTemplate(r)
	case r.generates:
		var messages []message
		if r.System != "" {
			messages = append(messages, message{Role: "system", Content: r.System})
		}
		messages = append(messages, message{Role: "user", Content: r.Prompt, Images: r.Images})
		return renderMessages(messages, nil, model) + model.start, nil
	default:
		return renderMessages(r.Messages, r.Tools, model) + model.start, nil
	}
}

func renderTemplate(r *chatRequest) (string, error) {
	t, err := template.New("").Parse(r.Template)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, map[string]any{
		"Prompt": r.Prompt, "System": r.System, "Suffix": r.Suffix, "Response": "",
		"Messages": []message{{Role: "user", Content: r.Prompt, Images: r.Images}},
	})
	return b.String(), err
}

func renderMessages(messages []message, tools []tool, model chatModel) string {
	var b strings.Builder
	if len(tools) > 0 {
		list, err := json.Marshal(tools)
		if err != nil {
			panic(err)
		}
		b.WriteString("tools: " + string(list))
	}
	for _, m := range collated(messages) {
		b.WriteString(m.Role + ": ")
		if m.Thinking != "" && model.can("thinking") {
			b.WriteString("<think>" + m.Thinking + "</think>")
		}
		b.WriteString(m.Content)
		if m.Thinking != "" && !model.can("thinking") && !model.can("tools") {
			b.WriteString(m.Thinking)
		}
		for _, call := range m.ToolCalls {
			if model.can("tools") {
				fmt.Fprintf(&b, `{"name": %q, "parameters": %s}`, call.Function.Name, call.Function.Arguments)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// collated merges messages of the same role, but for those of tools, and puts a
// mark before the text for each image.
func collated(messages []message) []message {
	var merged []message
	var images int
	for _, m := range messages {
		var marks strings.Builder
		for range m.Images {
			fmt.Fprintf(&marks, "[img-%d]", images)
			images++
		}
		m.Content = marks.String() + m.Content
		if last := len(merged) - 1; last >= 0 && merged[last].Role == m.Role && m.Role != "tool" {
			merged[last].Content += "\n\n" + m.Content
			continue
		}
		merged = append(merged, m)
	}
	return merged
}

// tokens counts as the real models do, or nearly: one a byte, but for what starts
// an answer, and for the first token of all.
func tokens(prompt string) int {
	n := 1 + len(prompt)
	for start := range chains {
		n -= strings.Count(prompt, start) * (len(start) - 1)
	}
	return n
}
