package secret

import (
	"crypto/sha256"
	"sync"
)

// HashKey returns the PHC string to store for k, at KeyParams. It costs some 80 µs and takes no slot.
func HashKey(k Key) string { return newPHC(KeyParams, k.Secret, Params.derive).String() }

// KeyVerifier checks API keys against stored hashes and remembers which ones matched. Whether a secret matches a hash
// never changes, so an entry cannot go stale; whether the key is still valid, the database row says.
//
// Only matches are remembered. A wrong secret is hashed each time, so guesses can neither push out good entries nor take
// memory. An entry is a SHA-256, not the secret. Safe for concurrent use.
type KeyVerifier struct {
	mu      sync.RWMutex
	matched map[[sha256.Size]byte]struct{}
	max     int
}

// NewKeyVerifier returns a KeyVerifier that remembers at most maxEntries keys (at least one), 32 bytes each, and
// forgets an arbitrary one for a new one.
func NewKeyVerifier(maxEntries int) *KeyVerifier {
	return &KeyVerifier{matched: make(map[[sha256.Size]byte]struct{}), max: max(maxEntries, 1)}
}

// Verify reports whether stored, a PHC string, was made from k. An empty stored stands for a key that is unknown: the same work is done,
// so that the time does not tell which keys there are, and the answer is false. A malformed stored matches nothing.
func (v *KeyVerifier) Verify(stored string, k Key) bool {
	id := memoID(stored, k.Secret)
	v.mu.RLock()
	_, known := v.matched[id]
	v.mu.RUnlock()
	if known {
		return true
	}
	want := phc{params: KeyParams}
	if stored != "" {
		var err error
		if want, err = parsePHC(stored); err != nil {
			return false
		}
	}
	if !want.matches(k.Secret, Params.derive) || stored == "" {
		return false
	}
	v.remember(id)
	return true
}

func (v *KeyVerifier) remember(id [sha256.Size]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.matched) >= v.max {
		for other := range v.matched {
			delete(v.matched, other)
			break
		}
	}
	v.matched[id] = struct{}{}
}

// memoID hashes the pair; no PHC string contains the separator.
func memoID(stored, secret string) [sha256.Size]byte {
	buf := make([]byte, 0, 256) // on the stack: the pair has some 140 bytes
	buf = append(buf, stored...)
	buf = append(buf, 0)
	buf = append(buf, secret...)
	return sha256.Sum256(buf)
}
