// Package secret makes and checks what proves a user: passwords, under a bounded number of Argon2id hashes, and
// API keys. Both rest in the database as PHC strings, so one parser and one set of caps serve them.
package secret

import (
	"fmt"

	"golang.org/x/crypto/argon2"
)

// Params is the cost of one Argon2id hash (RFC 9106, section 3.1): memory in KiB, passes over it, and lanes.
type Params struct {
	MemoryKiB   uint32
	Time        uint32
	Parallelism uint8
}

var (
	// PasswordParams are OWASP's for passwords (Password Storage Cheat Sheet: 19 MiB, two passes, one lane).
	PasswordParams = Params{MemoryKiB: 19 << 10, Time: 2, Parallelism: 1}

	// KeyParams are for API keys. Stretching adds nothing to 256 random bits, so they are the smallest sensible ones.
	KeyParams = Params{MemoryKiB: 64, Time: 1, Parallelism: 1}
)

// The most that one hash may cost. A stored hash is refused above it before any work, so that a row in the database
// can neither exhaust the memory nor hold a slot for minutes.
const (
	maxMemoryKiB   = 256 << 10
	maxTime        = 16
	maxParallelism = 16
)

const (
	saltLen = 16 // RFC 9106, section 3.1: recommended for password hashing
	sumLen  = 32
)

// Validate reports the first parameter that is below RFC 9106's minimum or above our caps.
func (p Params) Validate() error {
	switch {
	case p.Parallelism < 1 || p.Parallelism > maxParallelism:
		return fmt.Errorf("argon2id parallelism %d is not within 1 and %d", p.Parallelism, maxParallelism)
	case p.Time < 1 || p.Time > maxTime:
		return fmt.Errorf("argon2id time %d is not within 1 and %d", p.Time, maxTime)
	case p.MemoryKiB < 8*uint32(p.Parallelism) || p.MemoryKiB > maxMemoryKiB:
		return fmt.Errorf("argon2id memory %d KiB is not within %d and %d", p.MemoryKiB, 8*uint32(p.Parallelism), maxMemoryKiB)
	}
	return nil
}

// missing returns the parameters of the hash that, beside one at p, makes up the work of one at whole; false when p is as
// much work already, but for less than the least hash. Argon2's work is memory times passes (RFC 9106, section 3.1).
func (p Params) missing(whole Params) (Params, bool) {
	work := func(p Params) int64 { return int64(p.MemoryKiB) * int64(p.Time) }
	perPass := (work(whole) - work(p)) / int64(whole.Time)
	if perPass < 8*int64(whole.Parallelism) {
		return Params{}, false
	}
	whole.MemoryKiB = uint32(perPass)
	return whole, true
}

// derive computes the Argon2id tag. It cannot be cancelled.
func (p Params) derive(plain []byte, salt [saltLen]byte) [sumLen]byte {
	return [sumLen]byte(argon2.IDKey(plain, salt[:], p.Time, p.MemoryKiB, p.Parallelism, sumLen))
}

// NewPassword makes a password of 22 random base62 characters, 131 bits.
func NewPassword() string { return randomBase62(22) }
