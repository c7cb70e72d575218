// Package tokens makes and verifies access tokens and refresh tokens.
package tokens

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
)

const (
	issuer    = "paddock"
	audience  = "paddock"
	tokenType = "at+jwt" // RFC 9068
	// maxTokenBytes is far above what a token of ours takes (some 400 bytes).
	maxTokenBytes = 2048
	// leeway is how far another replica's clock may be ahead.
	leeway = 5 * time.Second
)

// errBadToken is the error of every access token that is foreign, malformed or not valid now.
var errBadToken = errors.New("access token refused")

// Access signs and verifies access tokens: JWTs (RFC 7519) that name a user and a session, and no role, for the rows are
// read on every call.
type Access struct {
	algorithm jose.SignatureAlgorithm
	signer    jose.Signer
	keyID     string
	keys      map[string][]byte // by key id; the current one and, during a roll, the previous
	ttl       time.Duration
}

// accessClaims are all claims of an access token; each must be there.
type accessClaims struct {
	Issuer   string       `json:"iss"`
	Audience string       `json:"aud"`
	Subject  string       `json:"sub"` // user id
	Session  string       `json:"sid"`
	ID       string       `json:"jti"`
	IssuedAt *numericDate `json:"iat"`
	Expiry   *numericDate `json:"exp"`
}

// numericDate is Unix seconds with a fraction (RFC 7519, section 2): whole ones would cut a time to live of 1 s to nothing.
type numericDate float64

func newNumericDate(t time.Time) *numericDate { return new(numericDate(float64(t.UnixMilli()) / 1000)) }

// MarshalJSON writes milliseconds and no exponent.
func (d numericDate) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(d), 'f', 3, 64), nil
}

// time is the date, to the millisecond. What is far beyond any token's becomes some time that is far off too.
func (d numericDate) time() time.Time {
	const year5138 = 1e11
	return time.UnixMilli(int64(math.Round(min(max(float64(d), 0), year5138) * 1000)))
}

// NewAccess makes the ring of the secrets, the first of which signs.
func NewAccess(algorithm string, ttl time.Duration, secrets [][]byte) (*Access, error) {
	t := &Access{algorithm: jose.SignatureAlgorithm(algorithm), keys: map[string][]byte{}, ttl: ttl}
	for _, s := range secrets {
		sum := sha256.Sum256(append([]byte("paddock key id\x00"), s...))
		id := hex.EncodeToString(sum[:8])
		t.keys[id] = s
		if t.keyID == "" {
			t.keyID = id
		}
	}
	var err error
	t.signer, err = jose.NewSigner(
		jose.SigningKey{Algorithm: t.algorithm, Key: t.keys[t.keyID]},
		(&jose.SignerOptions{}).WithType(tokenType).WithHeader(jose.HeaderKey("kid"), t.keyID),
	)
	if err == nil {
		// go-jose reports a key that is too short for its algorithm only here.
		_, _, err = t.Sign(uuid.Nil, uuid.Nil, time.Now(), time.Now())
	}
	if err != nil {
		return nil, fmt.Errorf("access tokens: %w", err)
	}
	return t, nil
}

// Sign returns a token that begins now and expires after the time to live, but not after ends.
func (t *Access) Sign(user, session uuid.UUID, now, ends time.Time) (token string, expires time.Time, err error) {
	now = now.UTC().Truncate(time.Millisecond)
	expires = now.Add(t.ttl)
	if ends = ends.UTC().Truncate(time.Millisecond); ends.Before(expires) {
		expires = ends
	}
	token, err = jwt.Signed(t.signer).Claims(accessClaims{
		Issuer:   issuer,
		Audience: audience,
		Subject:  user.String(),
		Session:  session.String(),
		ID:       uuid.NewString(),
		IssuedAt: newNumericDate(now),
		Expiry:   newNumericDate(expires),
	}).Serialize()
	return token, expires, err
}

// Verify returns whom the token names. It rejects what go-jose accepts: a missing exp, a long leeway, other encodings
// of the same base64 (a changed spare bit, a trailing newline), and headers that point to other keys.
func (t *Access) Verify(token string, now time.Time) (user, session uuid.UUID, err error) {
	if _, err := checkShape(token); err != nil {
		return uuid.Nil, uuid.Nil, err
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{t.algorithm})
	if err != nil || len(parsed.Headers) != 1 {
		return uuid.Nil, uuid.Nil, errBadToken
	}
	key, ok := t.keys[parsed.Headers[0].KeyID]
	if !ok {
		return uuid.Nil, uuid.Nil, errBadToken
	}
	var c accessClaims
	if err := parsed.Claims(key, &c); err != nil {
		return uuid.Nil, uuid.Nil, errBadToken
	}
	return c.check(now, t.ttl)
}

func (c *accessClaims) check(now time.Time, ttl time.Duration) (user, session uuid.UUID, err error) {
	if c.Issuer != issuer || c.Audience != audience || c.ID == "" || c.IssuedAt == nil || c.Expiry == nil {
		return uuid.Nil, uuid.Nil, errBadToken
	}
	issued, expires := c.IssuedAt.time(), c.Expiry.time()
	if !now.Before(expires) || issued.After(now.Add(leeway)) || expires.Sub(issued) > max(ttl, maxTTL) {
		return uuid.Nil, uuid.Nil, errBadToken
	}
	if user, err = uuid.Parse(c.Subject); err == nil {
		session, err = uuid.Parse(c.Session)
	}
	if err != nil {
		return uuid.Nil, uuid.Nil, errBadToken
	}
	return user, session, nil
}

// maxTTL is the longest life of a token that a server with a longer ACCESS_TOKEN_TTL may have signed before its
// configuration changed.
const maxTTL = 24 * time.Hour

// tokenHeader is all that the header of a token of ours holds.
type tokenHeader struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	Type      string `json:"typ"`
}

// Claims reports whether a token claims to be one of ours: it has the form of one, and names our algorithm and one of our
// keys. Nothing is verified.
func (t *Access) Claims(token string) bool {
	h, err := checkShape(token)
	_, known := t.keys[h.KeyID]
	return err == nil && known && h.Algorithm == string(t.algorithm)
}

// checkShape refuses, before any cryptography, what is not the canonical compact serialisation of a JWS with just our
// headers (RFC 7515, RFC 8725). It returns the header.
func checkShape(token string) (tokenHeader, error) {
	if len(token) > maxTokenBytes {
		return tokenHeader{}, errBadToken
	}
	header, rest, ok := strings.Cut(token, ".")
	payload, signature, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || header == "" || payload == "" || signature == "" {
		return tokenHeader{}, errBadToken
	}
	var raw []byte
	for _, part := range []string{signature, payload, header} {
		b, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || strings.ContainsAny(part, "\r\n") { // the decoder skips line breaks
			return tokenHeader{}, errBadToken
		}
		raw = b
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	var h tokenHeader
	if err := dec.Decode(&h); err != nil || dec.More() || h.Type != tokenType || h.KeyID == "" {
		return tokenHeader{}, errBadToken
	}
	return h, nil
}
