// Package rawjson takes JSON apart and leaves the values in it as they are written. Only Members checks what it is given; all
// other functions are for what it has passed.
package rawjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"unicode/utf8"
)

// Member is one member of an object.
type Member struct {
	Key    string
	Value  []byte // as it is written; never blank
	Text   int    // its bytes but for blanks
	Marked bool   // an object within it has a key that was to be marked
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

// Members takes an object apart. It checks all of it as strictly as encoding/json does (RFC 8259), and refuses besides what
// encoding/json lets pass: two equal keys, invalid UTF-8. Long strings are neither copied nor unescaped. mark, which may be nil,
// reports whether a key within a member, as it is quoted, is to be marked.
func Members(b []byte, mark func(quoted []byte) bool) ([]Member, error) {
	s := scanner{in: b, mark: mark}
	s.blanks()
	if s.peek() != '{' {
		return nil, errNotJSON
	}
	found := make([]Member, 0, 16)
	if err := s.object(0, &found); err != nil {
		return nil, err
	}
	if s.blanks(); s.at < len(b) {
		return nil, errTrailing
	}
	if s.high&highest != 0 && !utf8.Valid(b) {
		return nil, errNotUTF8
	}
	for i, m := range found {
		if slices.ContainsFunc(found[:i], func(other Member) bool { return other.Key == m.Key }) {
			return nil, duplicateError(m.Key)
		}
	}
	return found, nil
}

// Elements ranges over a list; over nothing of any other value.
func Elements(list []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if list[0] != '[' {
			return
		}
		s := scanner{in: list, at: 1, checked: true}
		for !s.accept(']') {
			s.accept(',')
			s.blanks()
			begin := s.at
			if s.value(0) != nil || !yield(list[begin:s.at:s.at]) {
				return
			}
		}
	}
}

// List returns the elements of a list; ok is false when it is none or has more than most.
func List(list []byte, most int) (elements [][]byte, ok bool) {
	for e := range Elements(list) {
		if len(elements) == most {
			return nil, false
		}
		elements = append(elements, e)
	}
	return elements, list[0] == '['
}

// Find returns the last value under a key, written without escapes, of an object; null when there is none.
func Find(object []byte, key string) []byte {
	found := []byte("null")
	if object[0] != '{' {
		return found
	}
	s := scanner{in: object, at: 1, checked: true}
	for !s.accept('}') {
		s.accept(',')
		s.blanks()
		begin := s.at
		if s.str() != nil {
			break
		}
		name := object[begin+1 : s.at-1]
		s.accept(':')
		s.blanks()
		begin = s.at
		if s.value(0) != nil {
			break
		}
		if string(name) == key {
			found = object[begin:s.at]
		}
	}
	return found
}

// Unquote returns what a string says.
func Unquote(quoted []byte) string {
	if !bytes.ContainsRune(quoted, '\\') {
		return string(quoted[1 : len(quoted)-1])
	}
	var text string
	_ = json.Unmarshal(quoted, &text)
	return text
}

// Quote returns the string that says text.
func Quote(text string) []byte {
	b, _ := json.Marshal(text) // a string always marshals
	return b
}

// MapStrings returns a value with each string in it, but for keys, replaced by what f returns.
func MapStrings(value []byte, f func(quoted []byte) []byte) []byte {
	var mapped []byte
	kept := 0 // what of value is in mapped
	s := scanner{in: value, checked: true}
	for s.at < len(value) {
		if value[s.at] != '"' {
			s.at++
			continue
		}
		begin := s.at
		if s.str() != nil {
			break
		}
		end := s.at
		if s.blanks(); s.peek() == ':' {
			continue
		}
		if quoted := value[begin:end]; !bytes.Equal(f(quoted), quoted) {
			mapped = append(append(mapped, value[kept:begin]...), f(quoted)...)
			kept = end
		}
	}
	if mapped == nil {
		return value
	}
	return append(mapped, value[kept:]...)
}

// AppendObject appends an object to b.
func AppendObject(b []byte, all []Member) []byte {
	b = append(b, '{')
	for i, m := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, Quote(m.Key)...), ':'), m.Value...)
	}
	return append(b, '}')
}
