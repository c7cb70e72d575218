package door

import (
	"testing"

	"github.com/google/uuid"
)

func TestStreams_Limits(t *testing.T) {
	const maxStreamsPerUser, maxStreams = 100, 400
	s := NewStreams(maxStreamsPerUser, maxStreams)
	begin := func(user uuid.UUID, n int) (begun int) {
		for range n {
			if s.begin(user) == nil {
				begun++
			}
		}
		return begun
	}
	greedy := uuid.New()
	if n := begin(greedy, maxStreamsPerUser+10); n != maxStreamsPerUser {
		t.Errorf("%d streams of one user", n)
	}
	others := 0
	for range 10 {
		others += begin(uuid.New(), maxStreams/8)
	}
	if others != maxStreams-maxStreamsPerUser {
		t.Errorf("%d streams of others", others)
	}
	s.end(greedy)
	if s.begin(greedy) != nil || s.begin(greedy) == nil {
		t.Error("the end of one does not let one begin")
	}
	for range maxStreamsPerUser {
		s.end(greedy)
	}
	if _, kept := s.users[greedy]; kept {
		t.Error("a user without streams is kept in memory")
	}
}
