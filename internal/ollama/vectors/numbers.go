package vectors

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	scanBuffer = 64 << 10
	maxNumber  = 1 << 10 // characters of a number
)

// numberScanner reads lists of lists of numbers in JSON, in half of the time that a decoder for all of JSON takes.
type numberScanner struct {
	r      io.Reader
	buf    []byte
	unread []byte // of what has been read from r, in buf
	err    error  // of r
}

// newNumberScanner returns a scanner of what has been read already and of what r reads.
func newNumberScanner(read []byte, r io.Reader) *numberScanner {
	buf := make([]byte, max(scanBuffer, len(read)))
	return &numberScanner{r: r, buf: buf, unread: buf[:copy(buf, read)]}
}

// fill reads on until n bytes are unread, or r ends.
func (s *numberScanner) fill(n int) {
	have := copy(s.buf, s.unread)
	for have < n && s.err == nil {
		var read int
		read, s.err = s.r.Read(s.buf[have:])
		have += read
	}
	s.unread = s.buf[:have]
}

// peek returns the next byte that is no blank.
func (s *numberScanner) peek() (byte, error) {
	for {
		for i, c := range s.unread {
			if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
				s.unread = s.unread[i:]
				return c, nil
			}
		}
		s.unread = nil
		if s.fill(1); len(s.unread) > 0 {
			continue
		}
		if errors.Is(s.err, io.EOF) {
			return 0, io.ErrUnexpectedEOF
		}
		return 0, s.err
	}
}

func (s *numberScanner) expect(want byte) error {
	c, err := s.peek()
	switch {
	case err != nil:
		return err
	case c != want:
		return fmt.Errorf("%q in the place of %q", c, want)
	}
	s.unread = s.unread[1:]
	return nil
}

// list reads a list, each item of which item reads.
func (s *numberScanner) list(item func() error) error {
	if err := s.expect('['); err != nil {
		return err
	}
	if c, err := s.peek(); err != nil || c == ']' {
		s.unread = s.unread[min(1, len(s.unread)):]
		return err
	}
	for {
		if err := item(); err != nil {
			return err
		}
		c, err := s.peek()
		if err != nil {
			return err
		}
		s.unread = s.unread[1:]
		switch c {
		case ',':
		case ']':
			return nil
		default:
			return fmt.Errorf("%q in the place of a comma", c)
		}
	}
}

// vectors reads a list of at most limit vectors.
func (s *numberScanner) vectors(limit int) ([][]float32, error) {
	vectors, dimensions, room := make([][]float32, 0, limit), 0, MaxNumbers
	err := s.list(func() error {
		if len(vectors) == limit {
			return fmt.Errorf("more than %d vectors", limit)
		}
		v := make([]float32, 0, min(dimensions, room))
		err := s.list(func() error {
			if len(v) == room {
				return fmt.Errorf("more than %d numbers", MaxNumbers)
			}
			f, err := s.number()
			v = append(v, f)
			return err
		})
		vectors, dimensions, room = append(vectors, v), len(v), room-len(v)
		return err
	})
	return vectors, err
}

func (s *numberScanner) number() (float32, error) {
	if _, err := s.peek(); err != nil {
		return 0, err
	}
	if len(s.unread) < maxNumber && s.err == nil {
		s.fill(maxNumber)
	}
	if f, n := shortFloat32(s.unread); n > 0 {
		s.unread = s.unread[n:]
		return f, nil
	}
	n := 0
	for n < len(s.unread) && inNumber[s.unread[n]] {
		n++
	}
	number := s.unread[:n]
	s.unread = s.unread[n:]
	if n > maxNumber || !jsontext.Value(number).IsValid() {
		return 0, fmt.Errorf("%.30q in the place of a number", number)
	}
	return parseFloat32(number)
}

// inNumber reports whether a character may be part of a number.
var inNumber = func() (in [256]bool) {
	for _, c := range "0123456789+-.eE" {
		in[c] = true
	}
	return in
}()

// parseFloat32 reads a decimal number, exactly as strconv does but for infinite
// ones.
func parseFloat32(b []byte) (float32, error) {
	if f, n := shortFloat32(b); n > 0 && n == len(b) {
		return f, nil
	}
	f, err := strconv.ParseFloat(string(b), 32)
	if err == nil && (math.IsNaN(f) || math.IsInf(f, 0)) {
		err = strconv.ErrSyntax
	}
	return float32(f), err
}

var powersOfTen = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// shortFloat32 reads what vectors are mostly made of, plain decimals of at most
// 16 characters, at the beginning of b, and returns how long it is, 0 if there is
// none. This halves the cost of decoding vectors. The digits (at most 15
// where there is a point) and the power of ten to divide them by are exact as
// float64, so the quotient is the float64 nearest to the decimal. The float32
// nearest to that is the one nearest to the decimal, too, unless the quotient
// lies right in the middle between two of them.
func shortFloat32(b []byte) (f float32, length int) {
	sign := 0
	if len(b) > 0 && b[0] == '-' {
		sign = 1
	}
	digits := b[sign:]
	mantissa, point, n := uint64(0), -1, 0
	for _, c := range digits {
		if d := c - '0'; d <= 9 {
			mantissa = 10*mantissa + uint64(d)
		} else if c == '.' && point < 0 {
			point = n
		} else {
			break
		}
		n++
	}
	if n == 0 || n > len(powersOfTen) || point == 0 || point == n-1 || n > 1 && digits[0] == '0' && point != 1 || n < len(digits) && inNumber[digits[n]] {
		return 0, 0 // among them what is no number in JSON
	}
	decimals := 0
	if point > 0 {
		decimals = n - 1 - point
	}
	const middle, below = 1 << 28, 1<<29 - 1 // of the 29 bits that float32 lacks
	quotient := float64(mantissa) / powersOfTen[decimals]
	if math.Float64bits(quotient)&below == middle {
		return 0, 0
	}
	if sign > 0 {
		quotient = -quotient
	}
	return float32(quotient), sign + n
}
