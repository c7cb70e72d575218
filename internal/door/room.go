package door

import (
	"bytes"
	"sync"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/fault"
)

// uncounted is how large a body may be that needs no room, bytes: less than its connection. Bodies up to small have some room of
// their own, so that the answers to a few large ones do not keep everybody else waiting.
const uncounted, small = 4 << 10, 1 << 20

// Bodies of the largest size that one user, and all together, may have in memory at once, and as many bytes of small ones
// besides. Strangers, whose bodies are small, have only the bound of all: else one of them could take all the others' room.
const (
	largestPerUser = 2
	largestInAll   = 7
)

var errNoRoom = fault.Retry(connect.CodeResourceExhausted, fault.RateLimited,
	"too many large requests at once", time.Second)

// Bodies counts the bytes of bodies that are held, from the first byte read until the call has ended.
type Bodies struct {
	perUser, inAll int // most, bytes
	ofSmall        int // and so many more for small ones

	mu    sync.Mutex
	all   int
	users map[uuid.UUID]int
}

// NewBodies returns a count whose limits follow from the largest body there is, bytes.
func NewBodies(largest int64) *Bodies {
	each := int(largest) + bytes.MinRead + 1 // to see where a body ends
	return &Bodies{perUser: largestPerUser * each, inAll: largestInAll * each, ofSmall: each, users: map[uuid.UUID]int{}}
}

// RoomFor returns the bytes of bodies that are in memory at most, if the largest body there is has so many.
func RoomFor(largest int64) int64 {
	b := NewBodies(largest)
	return int64(b.inAll + b.ofSmall)
}

// room is what one body has taken.
type room struct {
	of     *Bodies
	caller *caller.Caller // who the door knows by the time the body is read
	held   int
}

func (b *Bodies) of(c *caller.Caller) *room { return &room{of: b, caller: c} }

// take makes it so many bytes in all that the body holds, or fails with errNoRoom.
func (r *room) take(bytes int) error {
	if bytes <= uncounted {
		return nil
	}
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	user, more, extra := r.caller.UserID, bytes-r.held, 0
	if bytes <= small {
		extra = r.of.ofSmall
	}
	if r.of.all+more > r.of.inAll+extra || user != uuid.Nil && r.of.users[user]+more > r.of.perUser+extra {
		return errNoRoom
	}
	r.of.all += more
	r.of.users[user] += more
	r.held = bytes
	return nil
}

func (r *room) free() {
	if r.held == 0 {
		return
	}
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	user := r.caller.UserID
	r.of.all -= r.held
	if r.of.users[user] -= r.held; r.of.users[user] == 0 {
		delete(r.of.users, user)
	}
	r.held = 0
}
