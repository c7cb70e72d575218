package ollama

import (
	"bytes"
	"io"
	"net"
	"slices"
	"sync/atomic"
)

// Body is the body of requests, JSON in pieces, which must not change as long as
// any of them is read.
type Body struct {
	pieces [][]byte
	unread atomic.Int32 // of its readers those that have not come to its end
}

// NewBody gives a body of the pieces, which it does not copy.
func NewBody(pieces ...[]byte) *Body { return &Body{pieces: pieces} }

// Free tells, after all calls with the body, whether its pieces may be used for
// something else. A transport may go on reading a body whose answer is here
// already, or whose call was given up.
func (b *Body) Free() bool { return b.unread.Load() == 0 }

func (b *Body) size() (n int64) {
	for _, piece := range b.pieces {
		n += int64(len(piece))
	}
	return n
}

func (b *Body) reader() io.ReadCloser {
	b.unread.Add(1)
	if len(b.pieces) == 1 { // net/http sends what it knows to be in memory together with the headers; such a body is never free
		return io.NopCloser(bytes.NewReader(b.pieces[0]))
	}
	return &bodyReader{net.Buffers(slices.Clone(b.pieces)), b}
}

// bodyReader reads a body once, by one goroutine.
type bodyReader struct {
	rest net.Buffers
	body *Body // nil when all is read
}

func (r *bodyReader) Read(p []byte) (int, error) {
	n, err := r.rest.Read(p)
	r.noteEnd()
	return n, err
}

// WriteTo serves wholesale.
func (r *bodyReader) WriteTo(w io.Writer) (int64, error) {
	n, err := r.rest.WriteTo(w)
	r.noteEnd()
	return n, err
}

func (r *bodyReader) noteEnd() {
	if len(r.rest) == 0 && r.body != nil {
		r.body.unread.Add(-1)
		r.body = nil
	}
}

func (*bodyReader) Close() error { return nil }
