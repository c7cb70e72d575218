package secret

import (
	"crypto/rand"
	"errors"
	"hash/crc32"
	"log/slog"
	"strings"
)

// An API key is pdk_<id>_<secret><checksum>, all in base62. The checksum is a CRC-32 (IEEE) over everything before it,
// most significant digit first, so that a mistyped key is refused without a database call and secret scanners can tell
// a key from noise.
const (
	keyPrefix   = "pdk_"
	idLen       = 12 // 71 bits
	secretLen   = 43 // 62^43 > 2^256
	checksumLen = 6  // 62^6 > 2^32
	secretStart = len(keyPrefix) + idLen + len("_")
	bodyLen     = secretStart + secretLen
	keyLen      = bodyLen + checksumLen

	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// ErrMalformedKey says that a string is not an API key that Paddock can have issued.
var ErrMalformedKey = errors.New("malformed API key")

// Key is an API key in its two parts: a public handle, unique among all keys, and the secret.
type Key struct {
	ID     string // 12 base62 characters
	Secret string // 43 base62 characters
}

// NewKey returns a random key.
func NewKey() Key {
	return Key{ID: randomBase62(idLen), Secret: randomBase62(secretLen)}
}

// ParseKey reads what Key.String writes, and nothing else: any change of a single character, of case or of length is
// ErrMalformedKey.
func ParseKey(s string) (Key, error) {
	if len(s) != keyLen || !LooksLikeKey(s) || s[secretStart-1] != '_' {
		return Key{}, ErrMalformedKey
	}
	k := Key{ID: s[len(keyPrefix) : secretStart-1], Secret: s[secretStart:bodyLen]}
	if !isBase62(k.ID) || !isBase62(k.Secret) || checksum(s[:bodyLen]) != [checksumLen]byte([]byte(s[bodyLen:])) {
		return Key{}, ErrMalformedKey
	}
	return k, nil
}

// LooksLikeKey reports whether s claims to be an API key. Use it to tell keys from access tokens, then ParseKey.
func LooksLikeKey(s string) bool { return strings.HasPrefix(s, keyPrefix) }

// Prefix returns the part of a key that may be shown, to tell it from others.
func Prefix(id string) string { return keyPrefix + id }

// String returns the whole key, secret included: to be shown once, and never logged.
func (k Key) String() string {
	body := Prefix(k.ID) + "_" + k.Secret
	sum := checksum(body)
	return body + string(sum[:])
}

// LogValue keeps the secret out of logs.
func (k Key) LogValue() slog.Value { return slog.StringValue(Prefix(k.ID)) }

func checksum(body string) [checksumLen]byte {
	var out [checksumLen]byte
	sum := crc32.ChecksumIEEE([]byte(body))
	for i := range out {
		out[checksumLen-1-i] = base62[sum%62]
		sum /= 62
	}
	return out
}

func isBase62(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// randomBase62 draws n characters, each uniformly: bytes past the largest multiple of 62 are thrown away.
func randomBase62(n int) string {
	out := make([]byte, 0, n)
	var buf [64]byte
	for {
		rand.Read(buf[:])
		for _, b := range buf {
			if len(out) == n {
				return string(out)
			}
			if b < 4*62 {
				out = append(out, base62[b%62])
			}
		}
	}
}
