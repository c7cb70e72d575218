package door

import (
	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/apierr"
)

var errTooManyStreams = apierr.Retry(connect.CodeResourceExhausted, apierr.TooManyStreams,
	"too many answers are being streamed", apierr.RetryDefault)

// Streams counts the streamed responses that are running.
type Streams struct{ counter }

// NewStreams returns Streams with at most so many of one user, and of all.
func NewStreams(perUser, inAll int) *Streams {
	return &Streams{newCounter(perUser, inAll)}
}

// begin counts one more stream of the user, or returns TOO_MANY_STREAMS. If begin returns nil, the caller must call end.
func (s *Streams) begin(user uuid.UUID) error {
	if !s.add(user, 1, 0) {
		return errTooManyStreams
	}
	return nil
}

func (s *Streams) end(user uuid.UUID) { s.add(user, -1, 0) }

// Count returns how many are running.
func (s *Streams) Count() int { return s.total() }
