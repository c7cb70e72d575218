package ollama

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// decodeEmbeddings reads the body of api/embed as it arrives, with at most limit
// vectors in it. Vectors by the megabyte are what embeddings cost: numbers are read
// without a copy, in a quarter of the time of encoding/json (BenchmarkDecodeEmbeddings).
func decodeEmbeddings(r io.Reader, limit int) (*Embeddings, error) {
	d := &embedDecoder{r: r}
	d.Decoder = jsontext.NewDecoder(d, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	e, err := d.embeddings(limit)
	switch {
	case err == nil:
		return e, nil
	case d.err != nil:
		return nil, d.err
	}
	return nil, ErrNonsense.WithCause(err)
}

// embedDecoder reads JSON token by token, each of a bounded size.
type embedDecoder struct {
	*jsontext.Decoder
	r    io.Reader
	read int64 // of r, bytes
	err  error // of r, other than io.EOF
}

// maxToken bounds how far the decoder reads ahead in search of a token's end.
const maxToken = 32 << 10

// Read has the decoder read on.
func (d *embedDecoder) Read(p []byte) (int, error) {
	if d.read-d.InputOffset() > maxToken {
		return 0, fmt.Errorf("a value of more than %d bytes", maxToken)
	}
	n, err := d.r.Read(p)
	d.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		d.err = err
	}
	return n, err
}

func (d *embedDecoder) expect(kind jsontext.Kind) error {
	t, err := d.ReadToken()
	if err == nil && t.Kind() != kind {
		err = fmt.Errorf("%v in the place of %v", t.Kind(), kind)
	}
	return err
}

func (d *embedDecoder) embeddings(limit int) (*Embeddings, error) {
	e := &Embeddings{}
	err := d.expect('{')
	for err == nil && d.PeekKind() == '"' {
		var name jsontext.Token
		if name, err = d.ReadToken(); err != nil {
			break
		}
		switch name.String() {
		case "embeddings":
			e.Vectors, err = d.vectors(limit)
		case "prompt_eval_count":
			e.PromptTokens, err = d.count()
		default:
			err = d.SkipValue()
		}
	}
	if err != nil {
		return nil, err
	}
	return e, d.expect('}')
}

// count returns a number of something, 0 when it is negative.
func (d *embedDecoder) count() (int64, error) {
	value, err := d.ReadValue()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	return max(n, 0), err
}

func (d *embedDecoder) vectors(limit int) ([][]float32, error) {
	vectors, dimensions, room := make([][]float32, 0, limit), 0, maxEmbedNumbers
	if err := d.expect('['); err != nil {
		return nil, err
	}
	for d.PeekKind() == '[' {
		if len(vectors) == limit {
			return nil, fmt.Errorf("more than %d vectors", limit)
		}
		v, err := d.vector(dimensions, room)
		if err != nil {
			return nil, err
		}
		vectors, dimensions, room = append(vectors, v), len(v), room-len(v)
	}
	return vectors, d.expect(']')
}

func (d *embedDecoder) vector(dimensions, room int) ([]float32, error) {
	v := make([]float32, 0, min(dimensions, room))
	if err := d.expect('['); err != nil {
		return nil, err
	}
	// A comma says as much as PeekKind, in less time.
	more := func(unread []byte) bool { return len(unread) > 0 && unread[0] == ',' }
	for in := d.Decoder; more(in.UnreadBuffer()) || in.PeekKind() == '0'; {
		if len(v) == room {
			return nil, fmt.Errorf("more than %d numbers", maxEmbedNumbers)
		}
		number, err := in.ReadValue()
		if err != nil {
			return nil, err
		}
		f, err := parseFloat32(number)
		if err != nil {
			return nil, err
		}
		v = append(v, f)
	}
	return v, d.expect(']')
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
