package tokens

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// refreshPrefix begins every refresh token: pdr_<base64url of session id, generation and MAC>.
const refreshPrefix = "pdr_"

const refreshBytes = 16 + 8 + sha256.Size

// SaltBytes is how long the salt of a session is.
const SaltBytes = 32

// Refresh derives refresh tokens. A token is not stored, not even hashed: it is the HMAC-SHA-256 of its session and
// generation under a key of the server and a 256-bit salt in the session's row. So the successor can be told again to a
// client whose reply was lost, a token of any earlier generation is recognised for certain, and neither a leaked database
// nor a leaked server secret makes a token alone.
type Refresh [][]byte // the first one makes tokens, all verify

// NewRefresh derives the keys from the secrets, the first of which makes tokens.
func NewRefresh(secrets [][]byte) (Refresh, error) {
	var keys Refresh
	for _, s := range secrets {
		k, err := hkdf.Key(sha256.New, s, nil, "paddock refresh token", sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("refresh tokens: %w", err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func refreshMAC(key, salt, claim []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(salt)
	m.Write(claim)
	return m.Sum(nil)
}

// Token returns the token of the session's generation.
func (k Refresh) Token(session uuid.UUID, generation int, salt []byte) string {
	b := binary.BigEndian.AppendUint64(session[:], uint64(generation))
	b = append(b, refreshMAC(k[0], salt, b)...)
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// Claim is what a refresh token says of itself, before that is verified with the session's salt.
type Claim struct {
	Session    uuid.UUID
	Generation int
	claim, mac []byte
}

// ParseRefresh returns what a refresh token says, unless it is malformed.
func ParseRefresh(token string) (Claim, bool) {
	text, ok := strings.CutPrefix(token, refreshPrefix)
	if !ok || len(text) != base64.RawURLEncoding.EncodedLen(refreshBytes) || strings.ContainsAny(text, "\r\n") {
		return Claim{}, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != refreshBytes {
		return Claim{}, false
	}
	return Claim{
		Session:    uuid.UUID(b[:16]),
		Generation: int(binary.BigEndian.Uint64(b[16:24])),
		claim:      b[:24],
		mac:        b[24:],
	}, true
}

// Verify reports whether the claim is that of a token of ours, given the session's salt.
func (k Refresh) Verify(c Claim, salt []byte) bool {
	for _, key := range k {
		if hmac.Equal(c.mac, refreshMAC(key, salt, c.claim)) {
			return true
		}
	}
	return false
}
