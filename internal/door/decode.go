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

	"github.com/paddock-gate/paddock/internal/apierr"
)

// Content codings that are decoded.
const (
	codingGzip = "gzip"
	codingZstd = "zstd"
)

var (
	errCoding = apierr.New(connect.CodeUnimplemented, apierr.InvalidArgument, "this Content-Encoding is not decoded; send gzip, zstd or none")
	errRatio  = apierr.Retry(connect.CodeResourceExhausted, apierr.MessageTooLarge,
		"the body becomes more than a hundred times as large as it was sent", apierr.RetryDefault)
	errBadCoding = apierr.Invalid("Content-Encoding", "the body is not what its content coding says")
)

// CheckCoding returns an error if the request has a content coding that is not decoded.
func CheckCoding(r *http.Request) error {
	if !isDecoded(r.Header.Get("Content-Encoding")) {
		return errCoding
	}
	return nil
}

// isDecoded reports whether bodies of the content coding are accepted.
func isDecoded(coding string) bool {
	return !isCompressed(coding) || coding == codingGzip || coding == codingZstd
}

const (
	// maxRatio bounds how many times larger than it was sent a body may become, beyond the first freeRatio bytes: text shrinks to
	// a tenth, and repetitive text to a fiftieth.
	maxRatio  = 100
	freeRatio = 1 << 20
	// maxWindow bounds how far back a zstd body may refer, and so the memory of decoding. It is what RFC 8878 recommends
	// that decoders support.
	maxWindow = 8 << 20
)

// decoding is a semaphore that bounds the processors that decode at once. It is acquired for bodies that have been read wholly.
var decoding = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))

// decode returns the content of a body in a content coding, or an error if that is more than maxBody bytes or maxRatio times what
// was sent. room counts the larger of the two: both are in memory only for as long as decoding takes.
func decode(coding string, body []byte, maxBody int64, room *room) ([]byte, error) {
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
	limit := min(maxBody, freeRatio+maxRatio*int64(len(body)))
	text, err := readAll(io.LimitReader(decoder, limit+1), -1, limit, func(bytes int) error { return room.take(max(bytes, cap(body))) })
	switch {
	case errors.Is(err, errNoRoom):
		return nil, err
	case err != nil:
		return nil, errBadCoding
	case int64(len(text)) > limit && limit < maxBody:
		return nil, errRatio
	case int64(len(text)) > limit:
		return nil, errTooLarge(maxBody)
	}
	return text, room.take(cap(text))
}

// newDecoder returns a reader of the content of body, and a function that must be called after use.
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
