package config

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a text that must not be printed by accident: whatever fmt, slog or encoding/json make of it says
// "[redacted]". Reveal gives the text itself. (Inside an unexported struct field fmt reaches no method, so a Secret
// belongs in exported fields.)
type Secret string

// Reveal gives the text itself. Its callers are the places where a secret is used.
func (s Secret) Reveal() string { return string(s) }

// String is "[redacted]".
func (Secret) String() string { return redacted }

// GoString is "[redacted]".
func (Secret) GoString() string { return redacted }

// Format writes "[redacted]" for every verb that fmt lets it see: String alone would leave %d and other mismatched verbs
// to print the text. It does not see %p, which go vet refuses for a string.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is "[redacted]", for encoding/json and its like.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
