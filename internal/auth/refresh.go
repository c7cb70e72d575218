package auth

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

const (
	refreshBytes = 16 + 8 + sha256.Size
	saltBytes    = 32
)

// refreshKeys derives refresh tokens. A token is not stored, not even hashed: it is the HMAC-SHA-256 of its session and
// generation under a key of the server and a 256-bit salt in the session's row. So the successor can be told again to a
// client whose reply was lost, a token of any earlier generation is recognised for certain, and neither a leaked database
// nor a leaked server secret makes a token alone.
type refreshKeys [][]byte // the first one makes tokens, all verify

func newRefreshKeys(secrets [][]byte) (refreshKeys, error) {
	var keys refreshKeys
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

func (k refreshKeys) token(session uuid.UUID, generation int, salt []byte) string {
	b := binary.BigEndian.AppendUint64(session[:], uint64(generation))
	b = append(b, refreshMAC(k[0], salt, b)...)
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// refreshClaim is what a refresh token says of itself, before that is verified with the session's salt.
type refreshClaim struct {
	session    uuid.UUID
	generation int
	claim, mac []byte
}

func parseRefresh(token string) (refreshClaim, bool) {
	text, ok := strings.CutPrefix(token, refreshPrefix)
	if !ok || len(text) != base64.RawURLEncoding.EncodedLen(refreshBytes) || strings.ContainsAny(text, "\r\n") {
		return refreshClaim{}, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != refreshBytes {
		return refreshClaim{}, false
	}
	return refreshClaim{
		session:    uuid.UUID(b[:16]),
		generation: int(binary.BigEndian.Uint64(b[16:24])),
		claim:      b[:24],
		mac:        b[24:],
	}, true
}

func (k refreshKeys) verify(c refreshClaim, salt []byte) bool {
	for _, key := range k {
		if hmac.Equal(c.mac, refreshMAC(key, salt, c.claim)) {
			return true
		}
	}
	return false
}
