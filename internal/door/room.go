package door

import (
	"bytes"

	"connectrpc.com/connect"

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
	"too many large requests at once", fault.RetryDefault)

// Bodies counts the bytes of bodies in memory, from the first byte read until the call has ended.
type Bodies struct {
	counter
	ofSmall int // bytes that small bodies may take besides
}

// NewBodies returns Bodies with bounds that follow from the largest body there is, bytes.
func NewBodies(largest int64) *Bodies {
	each := int(largest) + bytes.MinRead + 1 // to see where a body ends
	return &Bodies{newCounter(largestPerUser*each, largestInAll*each), each}
}

// RoomFor returns how many bytes of bodies are in memory at most, if the largest body there is has so many.
func RoomFor(largest int64) int64 {
	b := NewBodies(largest)
	return int64(b.inAll + b.ofSmall)
}

// room is what one body has taken.
type room struct {
	of     *Bodies
	caller *caller.Caller // known by the time the body is read
	taken  int
}

func (b *Bodies) of(c *caller.Caller) *room { return &room{of: b, caller: c} }

// take changes what the body has taken to so many bytes in all, or fails with errNoRoom.
func (r *room) take(bytes int) error {
	if bytes <= uncounted {
		return nil
	}
	extra := 0
	if bytes <= small {
		extra = r.of.ofSmall
	}
	if !r.of.add(r.caller.UserID, bytes-r.taken, extra) {
		return errNoRoom
	}
	r.taken = bytes
	return nil
}

func (r *room) free() {
	r.of.add(r.caller.UserID, -r.taken, 0)
	r.taken = 0
}
