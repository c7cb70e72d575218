package config

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a text that must not be printed by accident: fmt, slog and encoding/json print "[redacted]" in its place.
// (Inside an unexported struct field fmt reaches no method, so a Secret belongs in exported fields.)
type Secret string

// Reveal returns the text itself. Its callers are the places where a secret is used.
func (s Secret) Reveal() string { return string(s) }

// Format writes "[redacted]" for every verb that fmt lets it see; String alone would leave %d and other mismatched verbs
// to print the text. It does not see %p, which go vet refuses for a string.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]", for encoding/json and its like.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
