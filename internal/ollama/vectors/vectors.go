// Package vectors reads answers of Ollama's api/embed.
package vectors

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Embeddings are the vectors of some texts.
type Embeddings struct {
	Vectors      [][]float32 // one for each input, in order
	PromptTokens int64       // 0 when the server did not say
}

// MaxNumbers bounds an answer: 2,048 vectors of 4,096 dimensions are 8 Mi numbers, 32 MiB, which is all that is kept of them.
const MaxNumbers = 16 << 20

// Decode reads the body of api/embed as it arrives, with at most limit vectors in it. Vectors by the megabyte are what
// embeddings cost: their numbers are read without a copy, by a numberScanner. An error of r is returned as it is.
func Decode(r io.Reader, limit int) (*Embeddings, error) {
	d := &embedDecoder{source: &source{r: r}}
	d.readFrom(d.source)
	e, err := d.embeddings(limit)
	switch {
	case err == nil:
		return e, nil
	case d.source.err != nil:
		return nil, d.source.err
	}
	return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
}

// ErrSyntax is of an answer that is not of the form of api/embed's.
var ErrSyntax = errors.New("not the embeddings of some texts")

// source keeps what reading failed with, other than io.EOF.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// embedDecoder reads JSON token by token, each of a bounded size, but for vectors.
type embedDecoder struct {
	*jsontext.Decoder
	source *source
	r      io.Reader // what the Decoder reads
	read   int64     // of r, bytes
}

// maxToken bounds how far the decoder reads ahead in search of a token's end.
const maxToken = 32 << 10

// readFrom has the decoder begin anew with what r reads.
func (d *embedDecoder) readFrom(r io.Reader) {
	d.r, d.read = r, 0
	d.Decoder = jsontext.NewDecoder(d, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// Read has the decoder read on.
func (d *embedDecoder) Read(p []byte) (int, error) {
	if d.read-d.InputOffset() > maxToken {
		return 0, fmt.Errorf("a value of more than %d bytes", maxToken)
	}
	n, err := d.r.Read(p)
	d.read += int64(n)
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

// vectors reads the value of a member of the object that is being read. The Decoder
// cannot be told how far another has read: it begins anew with the members behind.
func (d *embedDecoder) vectors(limit int) ([][]float32, error) {
	s := newNumberScanner(d.UnreadBuffer(), d.source)
	if err := s.expect(':'); err != nil {
		return nil, err
	}
	vectors, err := s.vectors(limit)
	if err != nil {
		return nil, err
	}
	c, err := s.peek()
	if err != nil {
		return nil, err
	}
	comma := c == ','
	if comma {
		s.unread = s.unread[1:]
	}
	d.readFrom(io.MultiReader(strings.NewReader("{"), bytes.NewReader(s.unread), d.source))
	if err := d.expect('{'); err != nil {
		return nil, err
	}
	if next := d.PeekKind(); comma != (next == '"') {
		return nil, fmt.Errorf("%v behind the vectors", next)
	}
	return vectors, nil
}
