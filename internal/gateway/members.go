package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"unicode/utf8"
)

// member is one member of a JSON object.
type member struct {
	key   string
	value []byte // as it is written; never blank
	text  int    // its bytes but for blanks: what a model reads of it, at most
	image bool   // it holds an object with a key that images stand under
}

// What a body may hold at most.
const (
	maxMembers = 64
	maxDepth   = 10_000 // as encoding/json has it, and so Ollama
)

var (
	errNotUTF8  = errors.New("the body is not valid UTF-8")
	errNotJSON  = errors.New("the body is not one JSON object")
	errTrailing = errors.New("the body goes on after its JSON object")
	errControl  = errors.New("a string holds a control character")
	errDepth    = errors.New("the body is nested too deep")
	errMany     = errors.New("an object has too many fields")
)

type duplicateError string

func (e duplicateError) Error() string { return "the field " + string(e) + " is there twice" }

// members takes a JSON object apart. It checks all of it as strictly as encoding/json does (RFC 8259), and refuses
// besides what encoding/json lets pass: two equal keys, invalid UTF-8. Long strings are neither copied nor unescaped.
func members(b []byte) ([]member, error) {
	if !utf8.Valid(b) {
		return nil, errNotUTF8
	}
	s := scanner{in: b}
	s.blanks()
	if s.peek() != '{' {
		return nil, errNotJSON
	}
	found := make([]member, 0, 16)
	if err := s.object(0, &found); err != nil {
		return nil, err
	}
	if s.blanks(); s.at < len(b) {
		return nil, errTrailing
	}
	for i, m := range found {
		if slices.ContainsFunc(found[:i], func(other member) bool { return other.key == m.key }) {
			return nil, duplicateError(m.key)
		}
	}
	return found, nil
}

// elements takes a list apart that members has passed.
func elements(list []byte) [][]byte {
	var found [][]byte
	s := scanner{in: list, checked: true}
	_ = s.list(0, &found)
	return found
}

// unquote gives what a string that members has passed says.
func unquote(quoted []byte) string {
	if !bytes.ContainsRune(quoted, '\\') {
		return string(quoted[1 : len(quoted)-1])
	}
	var text string
	_ = json.Unmarshal(quoted, &text)
	return text
}
