package ollamatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// structured reports whether a format asks for an answer of a certain form.
func structured(format json.RawMessage) bool {
	return len(format) > 0 && !slices.Contains([]string{"null", `""`}, string(format))
}

// checkFormat returns the error of a real server on a format that is none.
func checkFormat(format json.RawMessage) error {
	if structured(format) && string(format) != `"json"` && format[0] != '{' {
		return fmt.Errorf(`invalid format: %q; expected "json" or a valid JSON Schema object`, string(format))
	}
	return nil
}

// sampleWords are an answer of a format. Every model falls into the one text of
// JSON that it has learned where that will do.
func sampleWords(format json.RawMessage) []piece {
	var schema map[string]any
	_ = json.Unmarshal(format, &schema) // or it is "json"
	properties, _ := schema["properties"].(map[string]any)
	_, named := properties["name"]
	if _, takes := properties["parameters"]; len(properties) == 0 || named && takes {
		return chains["<|tool|>"].words
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(sample(schema, schema, 0)); err != nil {
		panic(err)
	}
	var pieces []piece
	for word := range strings.SplitAfterSeq(strings.TrimSpace(b.String()), ",") {
		pieces = append(pieces, piece{text: word, tokens: 1})
	}
	return pieces
}

// sample returns a value that fits a schema of the common kinds.
func sample(schema, root map[string]any, depth int) any {
	if depth > 50 {
		return nil
	}
	if to, ok := schema["$ref"].(string); ok {
		return sample(referred(to, root), root, depth+1)
	}
	if value, ok := schema["const"]; ok {
		return value
	}
	for _, choice := range []string{"enum", "anyOf", "oneOf", "allOf"} {
		list, _ := schema[choice].([]any)
		if len(list) == 0 {
			continue
		}
		if choice == "enum" {
			return list[0]
		}
		one, _ := list[0].(map[string]any)
		return sample(one, root, depth+1)
	}
	kind, _ := schema["type"].(string)
	if kinds, ok := schema["type"].([]any); ok && len(kinds) > 0 {
		kind, _ = kinds[0].(string)
	}
	return sampleOf(kind, schema, root, depth)
}

func sampleOf(kind string, schema, root map[string]any, depth int) any {
	switch kind {
	case "string":
		return "text"
	case "integer", "number":
		least, _ := schema["minimum"].(float64)
		return least
	case "boolean":
		return true
	case "null":
		return nil
	case "array":
		list := []any{}
		items, _ := schema["items"].(map[string]any)
		for least, _ := schema["minItems"].(float64); len(list) < int(least); {
			list = append(list, sample(items, root, depth+1))
		}
		return list
	}
	properties, _ := schema["properties"].(map[string]any)
	value := map[string]any{}
	for name, p := range properties {
		required, _ := schema["required"].([]any)
		if of, ok := p.(map[string]any); ok && (required == nil || slices.Contains(required, any(name))) {
			value[name] = sample(of, root, depth+1)
		}
	}
	return value
}

// referred returns what a reference within the schema names.
func referred(to string, root map[string]any) map[string]any {
	at := root
	for step := range strings.SplitSeq(strings.TrimPrefix(to, "#/"), "/") {
		if at, _ = at[step].(map[string]any); at == nil {
			return map[string]any{}
		}
	}
	return at
}
