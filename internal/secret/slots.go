package secret

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Priority says who goes first when passwords wait to be checked: in a flood of guesses the owner of an account must get in.
type Priority int

// The priorities, highest first.
const (
	Known     Priority = iota // who has signed in before from there, or is signed in
	Newcomer                  // of whom nothing is known
	Suspect                   // from where guesses have failed
	ofUnequal                 // how many there are
)

// slots are shared by hashes: at once if there is one free, else mostly by priority and then in order of arrival.
type slots struct {
	all  int
	most int // that may wait

	mu      sync.Mutex
	busy    int
	queued  int
	given   int                     // slots that were handed to one who waited
	waiting [ofUnequal][]chan error // each is sent nil with its slot, or ErrBusy for want of a place
}

func newSlots(all int) *slots { return &slots{all: all, most: all * queuePerSlot} }

// take takes a slot.
func (s *slots) take(ctx context.Context, p Priority) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	turn, err := s.enter(p)
	if turn == nil {
		return err
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case err := <-turn:
		return err
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = ErrBusy
	}
	if s.leave(p, turn) {
		return err
	}
	return <-turn // it came meanwhile
}

// enter takes a slot if one is free, or else a place in the queue, from the last one of lower priority if it is full. It returns a nil
// channel with the slot, or with an error.
func (s *slots) enter(p Priority) (turn chan error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy < s.all {
		s.busy++
		return nil, nil
	}
	if s.queued == s.most && !s.turnAway(p) {
		return nil, ErrBusy
	}
	turn = make(chan error, 1)
	s.waiting[p] = append(s.waiting[p], turn)
	s.queued++
	return turn, nil
}

// turnAway makes room for one of the priority, and reports whether there is some. mu must be held.
func (s *slots) turnAway(p Priority) bool {
	for lower := ofUnequal - 1; lower > p; lower-- {
		if n := len(s.waiting[lower]); n > 0 {
			s.waiting[lower][n-1] <- ErrBusy
			s.waiting[lower] = s.waiting[lower][:n-1]
			s.queued--
			return true
		}
	}
	return false
}

// leave leaves the queue, and reports whether turn was still in it.
func (s *slots) leave(p Priority, turn chan error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting[p], turn)
	if i < 0 {
		return false
	}
	s.waiting[p] = slices.Delete(s.waiting[p], i, i+1)
	s.queued--
	return true
}

// free hands a slot to the next who waits.
func (s *slots) free() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.order() {
		if len(s.waiting[p]) > 0 {
			s.waiting[p][0] <- nil
			s.waiting[p] = slices.Delete(s.waiting[p], 0, 1)
			s.queued--
			s.given++
			return
		}
	}
	s.busy--
}

// order returns the priorities in the order in which the next slot is given. Every fourth slot is for newcomers first, and every sixteenth
// for suspects: one who signs in all the time must not keep everybody else out. mu must be held.
func (s *slots) order() [ofUnequal]Priority {
	switch {
	case s.given%16 == 15:
		return [...]Priority{Suspect, Newcomer, Known}
	case s.given%4 == 3:
		return [...]Priority{Newcomer, Suspect, Known}
	}
	return [...]Priority{Known, Newcomer, Suspect}
}

func (s *slots) stats() (busy, queued, all int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy, s.queued, s.all
}
