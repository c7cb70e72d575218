package door

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"runtime"

	"connectrpc.com/connect"
	"github.com/klauspost/compress/zstd"

	"github.com/paddock-gate/paddock/internal/fault"
)

// Content codings that are decoded.
const (
	codingGzip = "gzip"
	codingZstd = "zstd"
)

var (
	errCoding = fault.New(connect.CodeUnimplemented, fault.InvalidArgument, "of content codings only gzip and zstd are decoded")
	errDense  = fault.Retry(connect.CodeResourceExhausted, fault.MessageTooLarge,
		"the body becomes more than a hundred times as large as it was sent", fault.RetryDefault)
	errBadCoding = fault.Invalid("Content-Encoding", "the body is not what its content coding says")
)

// CheckCoding refuses content codings that are not decoded.
func CheckCoding(r *http.Request) error {
	if !isDecoded(r.Header.Get("Content-Encoding")) {
		return errCoding
	}
	return nil
}

// isDecoded reports whether bodies of the content coding are taken.
func isDecoded(coding string) bool {
	return !isCompressed(coding) || coding == codingGzip || coding == codingZstd
}

const (
	// maxRatio bounds how many times as large as it was sent a body may become, beyond the first freeRatio bytes: text
	// shrinks to a tenth, and repetitive text to a fiftieth.
	maxRatio  = 100
	freeRatio = 1 << 20
	// maxWindow bounds how far back a zstd body may refer, and so what decoding takes; it is the most that RFC 8878 has
	// decoders support.
	maxWindow = 8 << 20
)

// decoding bounds the processors that decode at once. It is held while a decoder runs over a body that has come wholly,
// and never while one is waited for.
var decoding = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))

// decoded returns what a body holds under its content coding, or refuses it when that is more than most bytes or more than
// maxRatio times what was sent. The room is for the larger of the two: both are held by those alone that decode.
func decoded(coding string, body []byte, most int64, room *room) ([]byte, error) {
	if !isCompressed(coding) || len(body) == 0 {
		return body, nil
	}
	decoding <- struct{}{}
	defer func() { <-decoding }()
	decoder, end, err := newDecoder(coding, body)
	if err != nil {
		return nil, errBadCoding
	}
	defer end()
	limit := min(most, freeRatio+maxRatio*int64(len(body)))
	text, err := readAll(io.LimitReader(decoder, limit+1), -1, limit, func(bytes int) error { return room.take(max(bytes, cap(body))) })
	switch {
	case errors.Is(err, errNoRoom):
		return nil, err
	case err != nil:
		return nil, errBadCoding
	case int64(len(text)) > limit && limit < most:
		return nil, errDense
	case int64(len(text)) > limit:
		return nil, tooLarge(most)
	}
	return text, room.take(cap(text))
}

// newDecoder returns a reader of what is coded, and what must be called when it is no longer used.
func newDecoder(coding string, body []byte) (io.Reader, func(), error) {
	if coding == codingGzip {
		r, err := gzip.NewReader(bytes.NewReader(body))
		return r, func() {}, err
	}
	r, err := zstd.NewReader(bytes.NewReader(body),
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, nil, err
	}
	return r, r.Close, nil
}
