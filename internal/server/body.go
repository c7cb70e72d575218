package server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/fault"
)

// bodyIdle is how long a body may stand still while it is read.
var bodyIdle = 15 * time.Second

// unreadWait is how long an answer waits for a body that nobody reads.
const unreadWait = 500 * time.Millisecond

// unhindered lets answers be written although the request's body was not read. Left alone, net/http first waits for the
// rest of it, for ever, so that a refusal would not reach a client that sends none. (HTTP/2 does not wait. Full-duplex
// mode is no way out: with it, net/http 1.26 breaks the connection when a handler leaves a body unread.)
func unhindered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(unreadWait)) // who reads sets another
		}
		next.ServeHTTP(w, r)
	})
}

// bounded holds handlers that read bodies themselves to the bounds that readBody has.
func bounded(most int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = newPatientBody(w, r, most)
		next.ServeHTTP(w, r)
	})
}

var (
	errTooLarge = fault.Retry(connect.CodeResourceExhausted, fault.MessageTooLarge, "the request is too large", retryDefault)
	errNoBody   = fault.Invalid("", "the request's body did not come, or not all of it")
)

// readBody reads the whole body, so that what is too large, too slow or no message is told as such in every protocol.
// (connect-go would answer by itself, without our ErrorInfo, and drain what it refuses.)
func readBody(w http.ResponseWriter, r *http.Request, most int64) (io.ReadCloser, error) {
	if r.ContentLength > most {
		return nil, errTooLarge
	}
	if err := checkFraming(r); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		buf.Grow(int(min(r.ContentLength, metadataBody)) + bytes.MinRead) // a length is only a promise
		body := newPatientBody(w, r, most)
		_, err := buf.ReadFrom(body)
		body.done()
		switch tooLarge := (*http.MaxBytesError)(nil); {
		case errors.As(err, &tooLarge):
			return nil, errTooLarge
		case err != nil:
			return nil, errNoBody
		}
	}
	if r.Method == http.MethodPost && enveloped(r) && !isOneMessage(buf.Bytes()) {
		return nil, errNoMessage
	}
	if buf.Len() == 0 {
		return http.NoBody, nil
	}
	return io.NopCloser(&buf), nil
}

// patientBody is a request's body with a most for its length, of which each read has its own time.
type patientBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func newPatientBody(w http.ResponseWriter, r *http.Request, most int64) *patientBody {
	return &patientBody{http.MaxBytesReader(w, r.Body, most), http.NewResponseController(w)}
}

// Read fails with errors that tell no address, since connect-go shows them to the client.
func (b *patientBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(time.Now().Add(bodyIdle))
	n, err := b.ReadCloser.Read(p)
	switch tooLarge := (*http.MaxBytesError)(nil); {
	case err == nil, errors.Is(err, io.EOF), errors.As(err, &tooLarge):
		return n, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, os.ErrDeadlineExceeded
	}
	return n, io.ErrUnexpectedEOF
}

func (b *patientBody) done() { _ = b.control.SetReadDeadline(time.Time{}) }
