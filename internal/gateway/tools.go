package gateway

import (
	"bytes"
	"slices"
	"strings"

	"github.com/paddock-gate/paddock/internal/dialect"
	"github.com/paddock-gate/paddock/internal/rawjson"
)

// A tool of a request is run by the client, or it is hosted: then Ollama would run it on ollama.com, and send the prompt's
// words there. Codex offers its model a hosted web search by default, so that hosted tools are left out of what goes upstream,
// and are no reason to refuse a call.

// ownTypes are the types of tools that clients run themselves, by dialect.
var ownTypes = [...][]string{
	dialect.Ollama:    {"function"},
	dialect.OpenAI:    {"function", "custom"},
	dialect.Responses: {"function", "custom", "namespace"},
}

// hostedByAnthropic is how the types of the tools begin that Anthropic's servers run. Ollama takes those of any other type for
// the client's own: their names and dates are many.
var hostedByAnthropic = []string{"web_search", "web_fetch", "code_execution", "mcp", "tool_search", "advisor"}

// isOwnType reports whether tools of the type, which may be absent, are run by the client.
func isOwnType(d dialect.Dialect, quoted []byte) bool {
	if string(quoted) == "null" || string(quoted) == `""` {
		return true
	}
	if quoted[0] != '"' {
		return false
	}
	name := rawjson.Unquote(quoted)
	if d == dialect.Anthropic {
		return !slices.ContainsFunc(hostedByAnthropic, func(begin string) bool { return strings.HasPrefix(name, begin) })
	}
	return slices.Contains(ownTypes[d], name)
}

// maxTools bounds how many tools a request has. Agents have some dozens.
const maxTools = 4096

const mustBeTools = "must be a list of at most 4096 objects"

// toolFilter leaves the hosted tools of a request out.
type toolFilter struct {
	dialect dialect.Dialect
	seen    int      // tools so far, those in namespaces included
	hosted  []string // names of those left out; "" for one without
}

// list returns a list of tools without those that are hosted; null when nothing is left of it. The list may have namespaces, or is
// that of one, which holds functions alone.
func (f *toolFilter) list(list []byte, namespaces bool) (kept []byte, changed bool, must string) {
	all, ok := rawjson.List(list, maxTools-f.seen)
	if !ok {
		return nil, false, mustBeTools
	}
	f.seen += len(all)
	own := make([][]byte, 0, len(all))
	for _, tool := range all {
		rest, other, must := f.tool(tool, namespaces)
		if must != "" {
			return nil, false, must
		}
		if rest != nil {
			own = append(own, rest)
		}
		changed = changed || other
	}
	switch {
	case !changed:
		return list, false, ""
	case len(own) == 0:
		return []byte("null"), true, ""
	}
	return joined(own), true, ""
}

// joined returns a list of the elements.
func joined(elements [][]byte) []byte {
	return slices.Concat([]byte("["), bytes.Join(elements, []byte(",")), []byte("]"))
}

// tool returns a tool, without the hosted ones in it if it is a namespace of several; nil when it is hosted itself. Ollama
// compares keys without regard to case.
func (f *toolFilter) tool(tool []byte, namespaces bool) (kept []byte, changed bool, must string) {
	all, err := rawjson.Members(tool, nil)
	if err != nil {
		return nil, false, mustBeTools
	}
	named, own := "", true
	for i, m := range all {
		switch {
		case strings.EqualFold(m.Key, "type"):
			own = own && isOwnType(f.dialect, m.Value) && (namespaces || m.Value[0] != '"' || rawjson.Unquote(m.Value) != "namespace")
		case strings.EqualFold(m.Key, "name") && m.Value[0] == '"':
			named = rawjson.Unquote(m.Value)
		case strings.EqualFold(m.Key, "tools") && f.dialect == dialect.Responses && (!namespaces || m.Value[0] != '['):
			own = false // no namespace within another, and none that is no list
		case strings.EqualFold(m.Key, "tools") && namespaces:
			inner, other, must := f.list(m.Value, false)
			if must != "" {
				return nil, false, must
			}
			changed = changed || other
			all[i].Value = inner
		}
	}
	switch {
	case !own:
		f.hosted = append(f.hosted, named)
		return nil, true, ""
	case changed:
		return rawjson.AppendObject(nil, all), true, ""
	}
	return tool, false, ""
}

// modes are the texts of a tool_choice that name no tool, and the types of its objects that do not by themselves.
var modes = []string{"auto", "none", "any", "required", "tool", "allowed_tools"}

// wants reports whether a tool_choice asks for a tool that is hosted, by itself or among those that it allows. It is to be called
// when the tools have been filtered.
func (f *toolFilter) wants(choice []byte) bool {
	switch choice[0] {
	case '"':
		return !slices.Contains(modes, rawjson.Unquote(choice))
	case '{':
	default:
		return false
	}
	kind := rawjson.Find(choice, "type")
	isMode := kind[0] == '"' && slices.Contains(modes, rawjson.Unquote(kind))
	if !isMode && !isOwnType(f.dialect, kind) || f.names(choice) {
		return true
	}
	for _, allowed := range [][]byte{rawjson.Find(choice, "tools"), rawjson.Find(rawjson.Find(choice, "allowed_tools"), "tools")} {
		for tool := range rawjson.Elements(allowed) {
			if tool[0] != '{' || !isOwnType(f.dialect, rawjson.Find(tool, "type")) || f.names(tool) {
				return true
			}
		}
	}
	return false
}

// names reports whether an object names a tool that was left out.
func (f *toolFilter) names(tool []byte) bool {
	for _, named := range [][]byte{tool, rawjson.Find(tool, "function"), rawjson.Find(tool, "custom")} {
		if name := rawjson.Find(named, "name"); name[0] == '"' && slices.Contains(f.hosted, rawjson.Unquote(name)) {
			return true
		}
	}
	return false
}

// billing begins the line that Claude Code puts before its system prompt. It changes with every call, so that no model could
// use again what it has read of the rest.
const billing = "x-anthropic-billing-header:"

// withoutBilling returns a system prompt, which is a text or a list of blocks, without that line.
func withoutBilling(system []byte) []byte {
	if system[0] == '"' {
		return cutBilling(system)
	}
	blocks := slices.Collect(rawjson.Elements(system))
	if len(blocks) == 0 || blocks[0][0] != '{' {
		return system
	}
	first, err := rawjson.Members(blocks[0], nil)
	at := slices.IndexFunc(first, func(m rawjson.Member) bool { return m.Key == "text" && m.Value[0] == '"' })
	if err != nil || at < 0 {
		return system
	}
	text := cutBilling(first[at].Value)
	switch {
	case len(text) == len(first[at].Value):
		return system
	case string(text) == `""`:
		blocks = blocks[1:]
	default:
		first[at].Value = text
		blocks[0] = rawjson.AppendObject(nil, first)
	}
	return joined(blocks)
}

// cutBilling cuts the line off a quoted text that begins with it.
func cutBilling(quoted []byte) []byte {
	if !bytes.HasPrefix(quoted, []byte(`"`+billing)) {
		return quoted
	}
	_, rest, _ := strings.Cut(rawjson.Unquote(quoted), "\n")
	return rawjson.Quote(strings.TrimLeft(rest, "\n"))
}
