package rawjson

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// scanner passes over JSON. Its methods begin at the first byte of what they are called for.
type scanner struct {
	in []byte
	at int
	// checked: all of in has been passed over before, so that its strings need but their ends found.
	checked bool
	blank   int                      // bytes passed over so far that say nothing
	mark    func(quoted []byte) bool // may be nil
	marked  bool                     // a nested object with a key that was to be marked was passed over
	high    uint64                   // has the highest bit of a byte set if a string has bytes that are not ASCII
}

// peek is the next byte; 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.in) {
		return s.in[s.at]
	}
	return 0
}

func (s *scanner) blanks() {
	for s.at < len(s.in) {
		switch s.in[s.at] {
		case ' ', '\n', '\t', '\r':
			s.at++
			s.blank++
		default:
			return
		}
	}
}

func (s *scanner) accept(c byte) bool {
	s.blanks()
	if s.peek() != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) value(depth int) error {
	switch c := s.peek(); {
	case c == '"':
		return s.str()
	case c == '{':
		return s.object(depth, nil)
	case c == '[':
		return s.list(depth)
	case c == '-', '0' <= c && c <= '9':
		return s.number()
	}
	for _, literal := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(s.in[s.at:], []byte(literal)) {
			s.at += len(literal)
			return nil
		}
	}
	return errNotJSON
}

// object appends what it finds to found, unless that is nil.
func (s *scanner) object(depth int, found *[]Member) error {
	if depth > maxDepth {
		return errDepth
	}
	s.at++
	for first := true; !s.accept('}'); first = false {
		if !first && !s.accept(',') {
			return errNotJSON
		}
		s.blanks()
		begin := s.at
		if err := s.str(); err != nil {
			return err
		}
		quoted := s.in[begin:s.at]
		if !s.accept(':') {
			return errNotJSON
		}
		s.blanks()
		begin, before := s.at, s.blank
		if found != nil {
			s.marked = false
		}
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if found == nil {
			s.marked = s.marked || s.mark != nil && s.mark(quoted)
			continue
		}
		if len(*found) == maxMembers {
			return errMany
		}
		*found = append(*found, Member{
			Key: Unquote(quoted), Value: s.in[begin:s.at:s.at], Text: s.at - begin - (s.blank - before), Marked: s.marked,
		})
	}
	return nil
}

func (s *scanner) list(depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	s.at++
	for first := true; !s.accept(']'); first = false {
		if !first && !s.accept(',') {
			return errNotJSON
		}
		s.blanks()
		if err := s.value(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

func (s *scanner) str() error {
	if s.peek() != '"' {
		return errNotJSON
	}
	if s.checked {
		return s.skip()
	}
	for s.at++; ; {
		s.at += s.plain(s.in[s.at:])
		switch s.peek() {
		case '"':
			s.at++
			return nil
		case '\\':
			if err := s.escape(); err != nil {
				return err
			}
		default: // a control character, or the end
			if s.at == len(s.in) {
				return errNotJSON
			}
			return errControl
		}
	}
}

// skip passes over a string that has been checked: a quote behind an even number of backslashes ends it.
func (s *scanner) skip() error {
	for s.at++; ; {
		n := bytes.IndexByte(s.in[s.at:], '"')
		if n < 0 {
			return errNotJSON
		}
		before := s.at + n - 1
		for s.in[before] == '\\' {
			before--
		}
		s.at += n + 1
		if (s.at-before)%2 == 0 {
			return nil
		}
	}
}

// plain counts bytes that need no look, sixteen at a time: at most those before the next quote, control character, or
// backslash that does not begin a short escape. It notes high bits.
func (s *scanner) plain(b []byte) int {
	n, high := 0, uint64(0)
	for n+16 <= len(b) {
		words := b[n : n+16]
		first, last := binary.LittleEndian.Uint64(words), binary.LittleEndian.Uint64(words[8:])
		high |= first | last // of bytes behind the end of the string, too, which costs a second look
		found, second := special(first), special(last)
		if found|second == 0 {
			n += 16
			continue
		}
		if found == 0 {
			found, n = second, n+8
		}
		n += bits.TrailingZeros64(found) / 8
		if b[n] != '\\' || n+1 >= len(b) || !shortEscapes[b[n+1]] {
			s.high |= high
			return n
		}
		n += 2
	}
	for n < len(b) && b[n] >= ' ' && b[n] != '"' && b[n] != '\\' {
		high |= uint64(b[n])
		n++
	}
	s.high |= high
	return n
}

// highest are the highest bits of the bytes of a word.
const highest = 0x8080808080808080

// special sets the highest bit of the bytes in x that are quotes, control characters or backslashes. Bytes above the lowest of
// them may be wrong. In x-n, that bit is set for bytes less than n; that of a quote is such a byte, since only a quote and
// control characters are less than '!' with the bit of 2 turned over.
func special(x uint64) uint64 {
	const ones = 0x0101010101010101
	quotes, slashes := x^ones*2, x^ones*'\\'
	return ((quotes - ones*'!') | (slashes - ones)) & (highest &^ x)
}

// shortEscapes are the bytes that make an escape with the backslash before them.
var shortEscapes = [256]bool{'"': true, '\\': true, '/': true, 'b': true, 'f': true, 'n': true, 'r': true, 't': true}

func (s *scanner) escape() error {
	s.at++
	switch c := s.peek(); c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
		return nil
	case 'u':
		digits := s.in[min(s.at+1, len(s.in)):min(s.at+5, len(s.in))]
		if len(digits) < 4 || bytes.ContainsFunc(digits, notHex) {
			return errNotJSON
		}
		s.at += 5
		return nil
	}
	return errNotJSON
}

func notHex(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'f') && (r < 'A' || r > 'F')
}

func (s *scanner) number() error {
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else if !s.digits() {
		return errNotJSON
	}
	if s.peek() == '.' {
		s.at++
		if !s.digits() {
			return errNotJSON
		}
	}
	if s.peek()|' ' == 'e' {
		s.at++
		if s.peek() == '+' || s.peek() == '-' {
			s.at++
		}
		if !s.digits() {
			return errNotJSON
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	begin := s.at
	for c := s.peek(); '0' <= c && c <= '9'; c = s.peek() {
		s.at++
	}
	return s.at > begin
}
