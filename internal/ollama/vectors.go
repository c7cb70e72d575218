package ollama

import (
	"io"
	"math"
	"strconv"
	"sync"
)

var scanBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// decodeEmbeddings reads the body of /api/embed as it arrives, with at most
// limit vectors in it. Vectors by the megabyte are what embeddings cost: 512 of
// 1,024 dimensions take encoding/json 67 ms and this reader for their one shape
// 18 ms (BenchmarkDecodeEmbeddings). It also takes a little that is no JSON.
func decodeEmbeddings(r io.Reader, limit int) (*Embeddings, error) {
	buf := scanBuffers.Get().(*[32 << 10]byte) //nolint:errcheck // nothing else is put there
	defer scanBuffers.Put(buf)
	s := &scanner{r: r, buf: buf[:]}
	e := &Embeddings{}
	s.expect('{')
	for first := true; s.more(first, '}'); first = false {
		switch s.key() {
		case "embeddings":
			e.Vectors = s.vectors(limit)
		case "prompt_eval_count":
			e.PromptTokens = s.count()
		default:
			s.skip(0)
		}
	}
	return e, s.err
}

func (s *scanner) vectors(limit int) [][]float32 {
	vectors, dimensions, room := make([][]float32, 0, limit), 0, maxEmbedNumbers
	s.expect('[')
	for first := true; s.more(first, ']'); first = false {
		if len(vectors) == limit {
			s.fail("more than %d vectors", limit)
			break
		}
		v := s.vector(dimensions, room)
		vectors, dimensions, room = append(vectors, v), len(v), room-len(v)
	}
	return vectors
}

func (s *scanner) vector(dimensions, room int) []float32 {
	v := make([]float32, 0, min(dimensions, room))
	s.expect('[')
	for first := true; s.more(first, ']'); first = false {
		if len(v) == room {
			s.fail("more than %d numbers", maxEmbedNumbers)
			break
		}
		f, err := parseFloat32(s.word())
		if err != nil {
			s.fail("vector: %w", err)
			break
		}
		v = append(v, f)
	}
	return v
}

// parseFloat32 reads a decimal number, exactly as strconv does but for infinite
// ones.
func parseFloat32(b []byte) (float32, error) {
	if f, ok := shortFloat32(b); ok {
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
// 16 characters, which halves the cost of decoding them. The digits (at most 15
// where there is a point) and the power of ten to divide them by are exact as
// float64, so the quotient is the float64 nearest to the decimal. The float32
// nearest to that is the one nearest to the decimal, too, unless the quotient
// lies right in the middle between two of them.
func shortFloat32(b []byte) (f float32, ok bool) {
	digits := b
	if len(b) > 0 && b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > len(powersOfTen) {
		return 0, false
	}
	mantissa, point := uint64(0), len(digits)-1
	for i, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			mantissa = 10*mantissa + uint64(c-'0')
		case c == '.' && i > 0 && point == len(digits)-1:
			point = i
		default:
			return 0, false
		}
	}
	const middle, below = 1 << 28, 1<<29 - 1 // of the 29 bits that float32 lacks
	quotient := float64(mantissa) / powersOfTen[len(digits)-1-point]
	if math.Float64bits(quotient)&below == middle {
		return 0, false
	}
	if len(digits) < len(b) {
		quotient = -quotient
	}
	return float32(quotient), true
}
