package ollama

import (
	"bytes"
	"io"
	"net"
	"slices"
)

// Body is the body of requests, JSON in pieces, which must not change as long as
// any of them is read. A transport may go on reading one whose answer is here
// already.
type Body struct{ pieces [][]byte }

// NewBody returns a body of the pieces, which it does not copy.
func NewBody(pieces ...[]byte) *Body { return &Body{pieces} }

func (b *Body) size() (n int64) {
	for _, piece := range b.pieces {
		n += int64(len(piece))
	}
	return n
}

// reader returns a reader of the body. One of a single piece net/http sends
// together with the headers, since it knows that it is in memory.
func (b *Body) reader() io.ReadCloser {
	if len(b.pieces) == 1 {
		return io.NopCloser(bytes.NewReader(b.pieces[0]))
	}
	buffers := net.Buffers(slices.Clone(b.pieces))
	return io.NopCloser(&buffers)
}
