// Package leaf has audit entries as leaves of the tree that is sealed: how they are encoded and hashed, and how their ids sort.
package leaf

import (
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"
)

// The columns of an audit entry, in the order of the alphabet. Their names are the keys of its encoding.
var columns = [...]string{
	"actor_email", "actor_user_id", "credential_id", "detail", "event_type", "id", "ip", "occurred_at", "outcome", "request_id",
	"session_id", "target_user_id", "user_agent",
}

// The places of those that are more than text.
const (
	idColumn   = 5
	timeColumn = 7
)

// timeLayout has the microseconds that both databases keep.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// Row is an audit entry as a database has it.
type Row struct {
	texts [len(columns)]sql.NullString // but for the time
	time  Moment
	dests [len(columns)]any
}

// NewRow returns a row to scan into.
func NewRow() *Row {
	r := new(Row)
	for i := range r.dests {
		r.dests[i] = &r.texts[i]
	}
	r.dests[timeColumn] = &r.time
	return r
}

// Columns returns the columns for a query, each after the prefix.
func Columns(prefix string) string {
	return prefix + strings.Join(columns[:], ", "+prefix)
}

// Scan reads what Columns has selected. It overwrites what the row held.
func (r *Row) Scan(from interface{ Scan(dest ...any) error }, more ...any) error {
	return from.Scan(append(more, r.dests[:]...)...)
}

// ID returns the id as a text; ok is false if there is none.
func (r *Row) ID() (text string, ok bool) {
	return r.texts[idColumn].String, r.texts[idColumn].Valid
}

// Time returns when the entry was written; ok is false if the row has no time.
func (r *Row) Time() (t time.Time, ok bool) { return r.time.V, r.time.Valid }

// WithID returns the row as it would be with another id.
func (r *Row) WithID(id uuid.UUID) *Row {
	other := *r
	other.texts[idColumn] = sql.NullString{String: id.String(), Valid: true}
	return &other
}

// Moment is a time; it is not valid where the embedded database has something else.
type Moment struct{ sql.Null[time.Time] }

// Scan implements sql.Scanner.
func (m *Moment) Scan(value any) error {
	m.V, m.Valid = value.(time.Time)
	return nil
}

// ParseID returns the id that a database's value is. If it is none of ours, as somebody may have put into the embedded database, ok is
// false and the id one that stands for the value.
func ParseID(value any) (id uuid.UUID, ok bool) {
	if text, isText := value.(string); isText {
		if id, err := uuid.Parse(text); err == nil && id.String() == text {
			return id, true
		}
	}
	return uuid.NewSHA1(uuid.Nil, fmt.Append(nil, value)), false
}

// AppendTo appends version 1 of the entry's canonical encoding, which is what is sealed: JSON as RFC 8785 (JCS) has it, on one line,
// without the line break. It is the same on both databases, and must never change: another one needs another version.
func (r *Row) AppendTo(b []byte) []byte {
	b = append(b, '{')
	for i, name := range columns {
		b = append(append(append(b, '"'), name...), `":`...)
		switch {
		case i == timeColumn && r.time.Valid:
			b = r.time.V.UTC().AppendFormat(append(b, '"'), timeLayout)
			b = append(b, '"')
		case i != timeColumn && r.texts[i].Valid:
			b = appendJSON(b, r.texts[i].String)
		default:
			b = append(b, "null"...)
		}
		b = append(b, ',')
	}
	return append(b, `"v":1}`...)
}

// AppendMissing appends what is sealed in the place of an entry that somebody has deleted before it was.
func AppendMissing(b []byte, id uuid.UUID) []byte {
	return append(appendJSON(append(b, `{"id":`...), id.String()), `,"missing":true,"v":1}`...)
}

// appendJSON appends a string of JSON, in which RFC 8785 has no more characters escaped than must be.
func appendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	plain := 0 // where what is not appended yet begins
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			b = appendEscaped(append(b, s[plain:i]...), c)
			plain = i + 1
		}
	}
	return append(append(b, s[plain:]...), '"')
}

func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\t':
		return append(b, `\t`...)
	case '\n':
		return append(b, `\n`...)
	case '\f':
		return append(b, `\f`...)
	case '\r':
		return append(b, `\r`...)
	}
	return hex.AppendEncode(append(b, `\u00`...), []byte{c})
}

// Hash returns the hash of an encoded entry as a leaf of the tree (RFC 6962).
func Hash(line []byte) tlog.Hash { return tlog.RecordHash(line) }
