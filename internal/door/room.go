package door

import (
	"bytes"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/caller"
)

// Bodies of up to uncounted bytes, which is less than their connections take, are not counted. Bodies of up to small bytes have some
// room of their own, so that a few large ones that are being answered do not keep everybody else waiting.
const uncounted, small = 4 << 10, 1 << 20

// How many bodies of the largest size one user, and all together, may have in memory at once. Unauthenticated requests, whose bodies
// are small, are bounded with all others alone: else one client could take the room of all unauthenticated ones.
const (
	largestPerUser = 2
	largestInAll   = 7
)

var errNoRoom = apierr.Retry(connect.CodeResourceExhausted, apierr.RateLimited,
	"too many large requests at once", apierr.RetryDefault)

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

// room is the memory that one body takes.
type room struct {
	of     *Bodies
	caller *caller.Caller // known by the time the body is read
	taken  int
}

func (b *Bodies) of(c *caller.Caller) *room { return &room{of: b, caller: c} }

// take sets the memory that the body takes to so many bytes in all, or fails with errNoRoom.
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
