package door

import (
	"sync"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/fault"
)

// Streams counts the streamed answers that are running.
type Streams struct {
	perUser, inAll int // most

	mu    sync.Mutex
	all   int
	users map[uuid.UUID]int
}

// NewStreams returns a count of no streams, which may become as many as told.
func NewStreams(perUser, inAll int) *Streams {
	return &Streams{perUser: perUser, inAll: inAll, users: map[uuid.UUID]int{}}
}

// begin counts one more of the user's, or refuses it with TOO_MANY_STREAMS. Whoever gets no error must call end.
func (s *Streams) begin(user uuid.UUID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= s.inAll || s.users[user] >= s.perUser {
		return fault.Retry(connect.CodeResourceExhausted, fault.TooManyStreams, "too many answers are being streamed", fault.RetryDefault)
	}
	s.all++
	s.users[user]++
	return nil
}

// Count is how many run.
func (s *Streams) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}

func (s *Streams) end(user uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.users[user]--; s.users[user] == 0 {
		delete(s.users, user)
	}
}
