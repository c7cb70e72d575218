package secret

import (
	"context"
	"errors"
	"runtime"
	"time"

	"golang.org/x/text/unicode/norm"
)

// ErrBusy says that every slot is taken and the queue is full, at least of callers of the same priority, or that no slot came free within
// two seconds.
var ErrBusy = errors.New("all password hash slots are busy")

const (
	queuePerSlot = 64 // some 1.5 s of work at PasswordParams: whoever came later would hardly be served in time
	maxWait      = 2 * time.Second
)

// Hasher hashes and verifies passwords in a fixed number of slots; a server has one. Memory grows with the slots
// (about twice MemoryKiB each, garbage included), never with the callers. A slot belongs to the hash, not to its
// caller: Argon2 cannot be cancelled, so a caller who leaves gets their context's error at once while the slot stays
// taken until the hash ends.
//
// Passwords are normalised to Unicode NFC first (NIST SP 800-63B-4, section 3.1.1.2), so that it does not matter how a
// keyboard composes its accents.
type Hasher struct {
	params Params
	slots  *slots
	derive deriver
}

// NewHasher returns a Hasher with the given number of slots; 0 means one less than GOMAXPROCS, and at least one. It
// panics if p is not valid (see Params.Validate).
//
// At least one P is left to all other goroutines, if need be by raising GOMAXPROCS, since a hash keeps its P for up to
// 10 ms at a time. Measured on two cores at PasswordParams, against a local HTTP call of 0.1 ms (BenchmarkVerify,
// BenchmarkHTTPDuringLogins; medians):
//
//	slots  GOMAXPROCS  hashes/s  ÷ (slots ÷ hash time)  p95 of others in a flood ÷ quiet
//	  1        2          49             0.98                   1.1
//	  2        2          88             0.86                 250
//	  2        3          79             0.79                  17
//	  2        4          80             0.74                  28
//
// With a slot on every core it is the garbage collector that the others wait for: argon2.IDKey allocates MemoryKiB
// anew for each hash, which makes some 40 collections a second (golang/go#36634). Threads of low priority do not help,
// because argon2.IDKey computes in goroutines of its own, on any thread; a process of low priority does: HashApart.
func NewHasher(p Params, slots int) *Hasher {
	if err := p.Validate(); err != nil {
		panic("secret: " + err.Error())
	}
	if slots <= 0 {
		slots = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if runtime.GOMAXPROCS(0) <= slots {
		runtime.GOMAXPROCS(slots + 1)
	}
	return &Hasher{params: p, slots: newSlots(slots), derive: Params.derive}
}

// Hash returns password's PHC string under a new random salt. It returns ErrBusy, or ctx's error.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	password = norm.NFC.String(password)
	return inSlot(ctx, h, Known, func() string { return newPHC(h.params, password, h.derive).String() })
}

// Verify reports whether password is the one that stored, a PHC string, was made from. An empty stored stands for a
// user who is unknown or has no password: the same work is done, and the answer is false. A stored that was made at
// cheaper parameters is topped up to the same work too, so that the time does not tell who is known; one that was made
// at dearer ones does take longer. Errors: ErrBusy, ctx's error, or that stored is malformed or above the caps, in which
// case nothing was hashed.
func (h *Hasher) Verify(ctx context.Context, p Priority, stored, password string) (bool, error) {
	password = norm.NFC.String(password)
	want := phc{params: h.params}
	if stored != "" {
		var err error
		if want, err = parsePHC(stored); err != nil {
			return false, err
		}
	}
	matches, err := inSlot(ctx, h, p, func() bool {
		if missing, ok := want.params.missing(h.params); ok {
			h.derive(missing, []byte(password), want.salt)
		}
		return want.matches(password, h.derive)
	})
	return matches && stored != "", err
}

// NeedsRehash reports whether stored was made with other parameters than this Hasher's. It is for hashes that have just
// been verified: only then is the password at hand to hash it anew.
func (h *Hasher) NeedsRehash(stored string) bool {
	p, err := parsePHC(stored)
	return err != nil || p.params != h.params
}

// Stats returns how many slots are busy, how many callers wait for one, and how many slots there are.
func (h *Hasher) Stats() (busy, queued, slots int) {
	return h.slots.stats()
}

// inSlot runs hash in a slot and hands its result to the caller, if they are still there.
func inSlot[T any](ctx context.Context, h *Hasher, p Priority, hash func() T) (T, error) {
	var none T
	if err := h.slots.take(ctx, p); err != nil {
		return none, err
	}
	done := make(chan T, 1)
	go func() {
		result := hash()
		h.slots.free()
		done <- result
	}()
	select {
	case result := <-done:
		return result, nil
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
