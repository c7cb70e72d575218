package gateway

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// A tool of a request is run by the client, or it is hosted: then Ollama would run it on ollama.com, and send the prompt's
// words there. Codex offers its model a hosted web search by default, so that hosted tools are left out of what goes upstream,
// and are no reason to refuse a call.

// ownTypes are the types of tools that clients run themselves, by dialect. Some of Anthropic's end in a date.
var ownTypes = [...][]string{
	Ollama:    {"function"},
	OpenAI:    {"function", "custom"},
	Anthropic: {"custom", "bash_", "text_editor_", "computer_", "memory_"},
	Responses: {"function", "custom", "namespace"},
}

// isOwnType reports whether tools of the type, which may be absent, are run by the client.
func (d Dialect) isOwnType(quoted []byte) bool {
	if string(quoted) == "null" || string(quoted) == `""` {
		return true
	}
	if quoted[0] != '"' {
		return false
	}
	name := unquote(quoted)
	return slices.ContainsFunc(ownTypes[d], func(own string) bool {
		return name == own || strings.HasSuffix(own, "_") && strings.HasPrefix(name, own)
	})
}

// maxTools bounds how many tools a request has, and a namespace. Agents have some dozens.
const maxTools = 4096

const mustBeTools = "must be a list of at most 4096 objects"

// ownTools returns a list of tools without those that are hosted, whose names it adds to hosted. A list that nothing is left
// of is null.
func (d Dialect) ownTools(list []byte, hosted *[]string) (kept []byte, must string) {
	return d.filterTools(list, hosted, d == Responses)
}

// filterTools is ownTools for a list that may have namespaces, or that of one, which holds functions alone.
func (d Dialect) filterTools(list []byte, hosted *[]string, namespaces bool) (kept []byte, must string) {
	all, ok := firstElements(list, maxTools)
	if !ok {
		return nil, mustBeTools
	}
	own := make([][]byte, 0, len(all))
	changed := false
	for _, tool := range all {
		rest, must := d.ownTool(tool, hosted, namespaces)
		if must != "" {
			return nil, must
		}
		if rest != nil {
			own = append(own, rest)
		}
		changed = changed || rest == nil || len(rest) != len(tool)
	}
	switch {
	case !changed:
		return list, ""
	case len(own) == 0:
		return []byte("null"), ""
	}
	return slices.Concat([]byte("["), bytes.Join(own, []byte(",")), []byte("]")), ""
}

// ownTool returns a tool, without the hosted ones in it if it is a namespace of several; nil when it is hosted itself. Ollama
// compares keys without regard to case.
func (d Dialect) ownTool(tool []byte, hosted *[]string, namespaces bool) (kept []byte, must string) {
	all, err := members(tool)
	if err != nil {
		return nil, mustBeTools
	}
	named, own, changed := "", true, false
	for i, m := range all {
		switch {
		case strings.EqualFold(m.key, "type"):
			own = own && d.isOwnType(m.value) && (namespaces || m.value[0] != '"' || unquote(m.value) != "namespace")
		case strings.EqualFold(m.key, "name") && m.value[0] == '"':
			named = unquote(m.value)
		case strings.EqualFold(m.key, "tools") && d == Responses && (!namespaces || m.value[0] != '['):
			own = false // no namespace within another, and none that is no list
		case strings.EqualFold(m.key, "tools") && namespaces:
			inner, must := d.filterTools(m.value, hosted, false)
			if must != "" {
				return nil, must
			}
			changed = changed || len(inner) != len(m.value)
			all[i].value = inner
		}
	}
	switch {
	case !own:
		*hosted = append(*hosted, named)
		return nil, ""
	case changed:
		return encodeObject(all), ""
	}
	return tool, ""
}

// encodeObject is appendObject for keys that a client has made up.
func encodeObject(all []member) []byte {
	for i, m := range all {
		quoted, _ := json.Marshal(m.key) // a string always marshals
		all[i].key = string(quoted[1 : len(quoted)-1])
	}
	return appendObject(nil, all)
}

// wantsHosted reports whether a tool_choice asks for a tool that was left out.
func wantsHosted(choice []byte, hosted []string) bool {
	if len(hosted) == 0 || choice[0] != '{' {
		return false
	}
	name, kind := find(choice, "name"), find(choice, "type")
	return name[0] == '"' && slices.Contains(hosted, unquote(name)) || name[0] != '"' && kind[0] == '"' && unquote(kind) != "auto" &&
		unquote(kind) != "none" && unquote(kind) != "any" && unquote(kind) != "required"
}

// billing begins the line that Claude Code puts before its system prompt. It changes with every call, so that no model could
// use again what it has read of the rest.
const billing = "x-anthropic-billing-header:"

// withoutBilling returns a system prompt, which is a text or a list of blocks, without that line.
func withoutBilling(system []byte) []byte {
	if system[0] == '"' {
		return cutBilling(system)
	}
	s := scanner{in: system, at: 1}
	s.blanks()
	begin := s.at
	if s.peek() != '{' || s.value(0) != nil {
		return system
	}
	block, rest := system[begin:s.at], system[s.at:]
	first, err := members(block)
	at := slices.IndexFunc(first, func(m member) bool { return m.key == "text" && m.value[0] == '"' })
	if err != nil || at < 0 {
		return system
	}
	text := cutBilling(first[at].value)
	switch {
	case len(text) == len(first[at].value):
		return system
	case string(text) == `""`:
		block = nil
		if s.accept(',') {
			rest = system[s.at:]
		}
	default:
		first[at].value = text
		block = encodeObject(first)
	}
	return slices.Concat([]byte("["), block, rest)
}

// cutBilling cuts the line off a quoted text that begins with it.
func cutBilling(quoted []byte) []byte {
	if !bytes.HasPrefix(quoted, []byte(`"`+billing)) {
		return quoted
	}
	_, rest, _ := strings.Cut(unquote(quoted), "\n")
	b, _ := json.Marshal(strings.TrimLeft(rest, "\n")) // a string always marshals
	return b
}
