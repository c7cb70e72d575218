// Package page makes and reads the tokens that continue a list: keyset positions, so that a deep page costs as much as
// the first.
package page

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
)

// ErrInvalid is the error of every token that this package did not make for the same filters.
var ErrInvalid = errors.New("is not a page token of a list with these filters")

// Position is where a list goes on: behind the row with this time and id, or with this key.
type Position struct {
	Time  time.Time
	ID    uuid.UUID
	Key   string // what the list is sorted by, where that is text
	Total int32  // rows that match in all, as counted with the first page
}

const fixedBytes = 8 + 16 + 4 + 8 // the key follows

// Token returns the opaque token of a position in the list that the filters describe.
func Token(p Position, filters proto.Message) string {
	b := make([]byte, 0, fixedBytes+len(p.Key))
	b = binary.BigEndian.AppendUint64(b, uint64(p.Time.UnixMicro()))
	b = append(b, p.ID[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(p.Total))
	b = append(b, digest(filters)...)
	b = append(b, p.Key...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Parse returns the position of a token that Token made for the same filters.
func Parse(token string, filters proto.Message) (Position, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < fixedBytes || string(b[28:fixedBytes]) != string(digest(filters)) ||
		!utf8.Valid(b[fixedBytes:]) || slices.Contains(b[fixedBytes:], 0) {
		return Position{}, ErrInvalid
	}
	micros, total := int64(binary.BigEndian.Uint64(b)), int32(binary.BigEndian.Uint32(b[24:]))
	if micros < 0 || micros > maxMicros || total < 0 {
		return Position{}, ErrInvalid
	}
	return Position{
		Time:  time.UnixMicro(micros).UTC(),
		ID:    uuid.UUID(b[8:24]),
		Key:   string(b[fixedBytes:]),
		Total: total,
	}, nil
}

// maxMicros is the end of the year 9999, beyond which PostgreSQL and SQLite disagree about a time.
var maxMicros = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).UnixMicro()

// digest tells one set of filters from another; it protects from mistakes, not from malice: a token grants nothing.
func digest(filters proto.Message) []byte {
	b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(filters)
	sum := sha256.Sum256(b)
	return sum[:8]
}
