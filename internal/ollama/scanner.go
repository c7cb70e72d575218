package ollama

import (
	"fmt"
	"io"
	"strconv"
)

// scanner reads JSON through one buffer. After its first error, which stays, it
// gives zero values and no more of anything.
type scanner struct {
	r      io.Reader
	buf    []byte
	unread []byte // a part of buf
	err    error
}

func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = ErrNonsense.WithCause(fmt.Errorf(format, args...))
	}
	s.unread = nil
}

// fill reads more behind what is unread, and tells whether any came.
func (s *scanner) fill() bool {
	n := copy(s.buf, s.unread)
	if n == len(s.buf) {
		s.fail("a value of more than %d bytes", n)
	}
	for s.err == nil {
		more, err := s.r.Read(s.buf[n:])
		switch {
		case more > 0:
			s.unread = s.buf[:n+more]
			return true
		case err == io.EOF:
			s.fail("%w", io.ErrUnexpectedEOF)
		case err != nil:
			s.err = err
		}
	}
	s.unread = nil
	return false
}

// peek gives the next byte that is not blank, and 0 after an error.
func (s *scanner) peek() byte {
	for {
		for i, c := range s.unread {
			if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
				s.unread = s.unread[i:]
				return c
			}
		}
		s.unread = nil
		if !s.fill() {
			return 0
		}
	}
}

func (s *scanner) accept(c byte) bool {
	if s.peek() != c || s.err != nil {
		return false
	}
	s.unread = s.unread[1:]
	return true
}

func (s *scanner) expect(c byte) {
	if !s.accept(c) {
		s.fail("no %q where it belongs", c)
	}
}

// more tells whether another element follows in the list or object that closing
// would end.
func (s *scanner) more(first bool, closing byte) bool {
	if s.accept(closing) {
		return false
	}
	if !first {
		s.expect(',')
	}
	return s.err == nil
}

// text gives the inside of a string as it is written, escapes and all. It holds
// until the next read.
func (s *scanner) text() []byte {
	s.expect('"')
	for i := 0; ; {
		for ; i < len(s.unread); i++ {
			switch s.unread[i] {
			case '\\':
				i++
			case '"':
				text := s.unread[:i]
				s.unread = s.unread[i+1:]
				return text
			}
		}
		if !s.fill() {
			return nil
		}
	}
}

func (s *scanner) key() string {
	key := string(s.text())
	s.expect(':')
	return key
}

// inWord tells the bytes that numbers, true, false and null are made of.
var inWord = func() (set [256]bool) {
	for _, c := range "+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" {
		set[c] = true
	}
	return set
}()

// word gives the number or literal that follows. It holds until the next read.
func (s *scanner) word() []byte {
	s.peek()
	for i := 0; ; {
		for i < len(s.unread) && inWord[s.unread[i]] {
			i++
		}
		if i < len(s.unread) {
			word := s.unread[:i]
			s.unread = s.unread[i:]
			return word
		}
		if !s.fill() {
			return nil
		}
	}
}

// count gives a number of something, 0 when it is negative.
func (s *scanner) count() int64 {
	n, err := strconv.ParseInt(string(s.word()), 10, 64)
	if err != nil {
		s.fail("count: %w", err)
	}
	return max(n, 0)
}

// maxDepth bounds how deep a value may be nested that is of no interest.
const maxDepth = 32

// skip passes over a value.
func (s *scanner) skip(depth int) {
	if depth > maxDepth {
		s.fail("nested deeper than %d", maxDepth)
	}
	switch s.peek() {
	case '{':
		s.expect('{')
		for first := true; s.more(first, '}'); first = false {
			s.key()
			s.skip(depth + 1)
		}
	case '[':
		s.expect('[')
		for first := true; s.more(first, ']'); first = false {
			s.skip(depth + 1)
		}
	case '"':
		s.text()
	default:
		if len(s.word()) == 0 {
			s.fail("no value where one belongs")
		}
	}
}
