package server

import (
	"sync"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/fault"
)

// Streams that may run at once, of one user and in all.
const (
	maxStreamsPerUser = 1000
	maxStreams        = 4000
)

// streams counts the streamed answers that are running.
type streams struct {
	mu    sync.Mutex
	all   int
	users map[uuid.UUID]int
}

func newStreams() *streams { return &streams{users: map[uuid.UUID]int{}} }

// begin counts one more of the user's, or refuses it with TOO_MANY_STREAMS. Whoever gets no error must call end.
func (s *streams) begin(user uuid.UUID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxStreams || s.users[user] >= maxStreamsPerUser {
		return fault.Retry(connect.CodeResourceExhausted, fault.TooManyStreams, "too many answers are being streamed", time.Second)
	}
	s.all++
	s.users[user]++
	return nil
}

func (s *streams) end(user uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.users[user]--; s.users[user] == 0 {
		delete(s.users, user)
	}
}
