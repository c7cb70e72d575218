package caller

import (
	"slices"
	"strings"
)

// Models is an allow-list of models by their canonical names. Nil allows all, an empty one none.
type Models []string

// Allow reports whether the model is allowed.
func (m Models) Allow(model string) bool { return m == nil || slices.Contains(m, model) }

// And returns what either of two lists allows.
func (m Models) And(other Models) Models {
	if m == nil || other == nil {
		return nil
	}
	return append(slices.Clone(m), other...)
}

// Within returns what both lists allow.
func (m Models) Within(other Models) Models {
	switch {
	case m == nil:
		return other
	case other == nil:
		return m
	}
	return slices.DeleteFunc(slices.Clone(m), func(name string) bool { return !other.Allow(name) })
}

// ParseModels reads the list as the database keeps it, one name a line; nil is all.
func ParseModels(column *string) Models {
	if column == nil {
		return nil
	}
	return append(Models{}, strings.Fields(*column)...)
}

// Column is the list as the database keeps it.
func (m Models) Column() *string {
	if m == nil {
		return nil
	}
	text := strings.Join(m, "\n")
	return &text
}

// Quota is what a user may use; nil falls back to the default.
type Quota struct {
	TokensPerDay, TokensPerMonth *int64
	RequestsPerMinute            *int32
}
