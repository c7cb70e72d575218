package secret

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// phc is a stored hash, written as the PHC string format has it:
//
//	$argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<hash>
//
// with decimals without leading zeros and unpadded standard base64. The salt has 16 bytes, the hash 32.
type phc struct {
	params Params
	salt   [saltLen]byte
	sum    [sumLen]byte
}

const phcPrefix = "$argon2id$v=19$"

// base64Strict refuses set spare bits in the last character. It still skips line breaks, which the exact lengths of
// salt and hash rule out.
var base64Strict = base64.RawStdEncoding.Strict()

var errMalformedPHC = errors.New("malformed PHC string")

// deriver computes an Argon2id tag: Params.derive, or one that has another process do it.
type deriver func(p Params, plain []byte, salt [saltLen]byte) [sumLen]byte

func newPHC(p Params, plain string, derive deriver) phc {
	h := phc{params: p}
	rand.Read(h.salt[:])
	h.sum = derive(p, []byte(plain), h.salt)
	return h
}

// parsePHC accepts exactly what String writes, with valid parameters.
func parsePHC(s string) (phc, error) {
	var h phc
	rest, ok := strings.CutPrefix(s, phcPrefix)
	params, rest, ok2 := strings.Cut(rest, "$")
	salt, sum, ok3 := strings.Cut(rest, "$")
	if !ok || !ok2 || !ok3 || !decodeExactly(h.salt[:], salt) || !decodeExactly(h.sum[:], sum) {
		return phc{}, errMalformedPHC
	}
	var err error
	if h.params, err = parseParams(params); err != nil {
		return phc{}, err
	}
	return h, nil
}

func parseParams(s string) (Params, error) {
	memory, rest, ok := strings.Cut(s, ",")
	time, lanes, ok2 := strings.Cut(rest, ",")
	if !ok || !ok2 {
		return Params{}, errMalformedPHC
	}
	m, err1 := parseParam(memory, "m=", 32)
	t, err2 := parseParam(time, "t=", 32)
	p, err3 := parseParam(lanes, "p=", 8)
	if err := errors.Join(err1, err2, err3); err != nil {
		return Params{}, err
	}
	params := Params{MemoryKiB: uint32(m), Time: uint32(t), Parallelism: uint8(p)}
	return params, params.Validate()
}

func parseParam(s, name string, bits int) (uint64, error) {
	digits, ok := strings.CutPrefix(s, name)
	if !ok || digits == "" || digits[0] == '0' {
		return 0, errMalformedPHC
	}
	n, err := strconv.ParseUint(digits, 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errMalformedPHC, err)
	}
	return n, nil
}

func decodeExactly(dst []byte, s string) bool {
	if len(s) != base64Strict.EncodedLen(len(dst)) {
		return false
	}
	n, err := base64Strict.Decode(dst, []byte(s))
	return err == nil && n == len(dst)
}

func (h phc) String() string {
	return fmt.Sprintf("%sm=%d,t=%d,p=%d$%s$%s", phcPrefix, h.params.MemoryKiB, h.params.Time, h.params.Parallelism,
		base64Strict.EncodeToString(h.salt[:]), base64Strict.EncodeToString(h.sum[:]))
}

// matches derives plain's hash under the same salt and parameters and compares in constant time.
func (h phc) matches(plain string, derive deriver) bool {
	sum := derive(h.params, []byte(plain), h.salt)
	return subtle.ConstantTimeCompare(sum[:], h.sum[:]) == 1
}
