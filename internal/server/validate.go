package server

import (
	"slices"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
)

// explained is the largest message of which every broken rule is told, bytes. A large one can break millions, each of which takes
// a thousand times what it takes to send.
const explained = 4 << 10

// boundedValidator tells all broken rules of a small message, and one of a large one.
type boundedValidator struct{ protovalidate.Validator }

// Validate implements [protovalidate.Validator].
func (v boundedValidator) Validate(m proto.Message, options ...protovalidate.ValidationOption) error {
	if proto.Size(m) > explained {
		options = append(slices.Clone(options), protovalidate.WithFailFast())
	}
	return v.Validator.Validate(m, options...)
}
