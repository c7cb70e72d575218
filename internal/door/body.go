package door

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/fault"
)

// bodyIdle is how long a body may stand still while it is read. All of it may take that long, too, and a second more for
// every 32 KiB that it may have.
var bodyIdle = 15 * time.Second

const bodyRate = 32 << 10 // bytes a second

// unreadWait is how long an answer waits for a body that nobody reads.
const unreadWait = 500 * time.Millisecond

// Unhindered lets answers reach clients although the request's body was not read. Left alone, net/http first waits for the
// rest of it, for ever, so that a refusal would not reach a client that sends none; and it breaks the connection, or in HTTP/2
// the stream, off under one that sends much, which many write wholly before they read the answer. (Full-duplex mode is no way
// out: with it, net/http 1.26 breaks the connection when a handler leaves a body unread.) Of a body that is left, twice the
// largest that any route takes is read and thrown away: a client may send what is too large to its end before it reads why.
// Messages in envelopes are not waited for: their clients read while they write.
func Unhindered(largest int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 || r.ProtoMajor != 1 && enveloped(r) {
			next.ServeHTTP(w, r)
			return
		}
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Now().Add(unreadWait)) // who reads sets another
		body := &watchedBody{ReadCloser: r.Body}
		r.Body = body
		next.ServeHTTP(w, r)
		if !body.ended && r.Header.Get("Expect") == "" && control.Flush() == nil {
			discard(control, body, 2*largest)
		}
	})
}

// watchedBody is a body that knows whether it was read to its end, or until reading it failed.
type watchedBody struct {
	io.ReadCloser
	ended bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err != nil
	return n, err
}

// How long what is left of a body may stand still, and take in all.
const discardIdle, discardWait = time.Second, 2 * time.Minute

// discard reads what is left of a body, at most so many bytes.
func discard(control *http.ResponseController, body io.Reader, most int64) {
	buf := make([]byte, 32<<10)
	for end := time.Now().Add(discardWait); most > 0; {
		idle := time.Now().Add(discardIdle)
		if idle.After(end) {
			idle = end
		}
		_ = control.SetReadDeadline(idle)
		n, err := body.Read(buf)
		if most -= int64(n); err != nil {
			return
		}
	}
}

// Bounded holds handlers that read bodies themselves to the bounds that readBody has.
func Bounded(most int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = newPatientBody(w, r, most)
		next.ServeHTTP(w, r)
	})
}

var errNoBody = fault.Invalid("", "the request's body did not come, or not all of it")

func tooLarge(most int64) *connect.Error {
	size := fmt.Sprintf("%d KiB", most>>10)
	if most%(1<<20) == 0 {
		size = fmt.Sprintf("%d MiB", most>>20)
	}
	message := "the request is larger than " + size
	return fault.Retry(connect.CodeResourceExhausted, fault.MessageTooLarge, message, fault.RetryDefault)
}

// readBody reads the whole body, so that what is too large, too slow or no message is told as such in every dialect.
// (connect-go would answer by itself, without our ErrorInfo, and drain what it refuses.) Where there is nothing to read, 0
// being the most, a body is left unread: a client that asks for what does not exist is to be told just that.
func readBody(w http.ResponseWriter, r *http.Request, e Entrance, room *room) (io.ReadCloser, error) {
	switch {
	case e.MaxBody == 0:
		return http.NoBody, nil
	case r.ContentLength > e.MaxBody:
		return nil, tooLarge(e.MaxBody)
	case r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0:
		return noBody(r)
	}
	body := newPatientBody(w, r, e.MaxBody)
	read, err := readAll(body, r.ContentLength, e.MaxBody, func(bytes int) error { return room.take(bytes * max(e.Growth, 1)) })
	if err == nil {
		body.done()
		read, err = decoded(r.Header.Get("Content-Encoding"), read, e.MaxBody, room)
	}
	known, _ := errors.AsType[*connect.Error](err)
	switch exceeded := (*http.MaxBytesError)(nil); {
	case known != nil:
		return nil, known
	case errors.As(err, &exceeded):
		return nil, tooLarge(e.MaxBody)
	case err != nil:
		return nil, errNoBody
	case len(read) == 0:
		return noBody(r)
	case r.Method == http.MethodPost && enveloped(r) && !isOneMessage(read):
		return nil, errNoMessage
	}
	return heldBody{bytes.NewReader(read), read}, nil
}

// noBody returns the body of a request that has none, unless its protocol wants a message.
func noBody(r *http.Request) (io.ReadCloser, error) {
	if r.Method == http.MethodPost && enveloped(r) {
		return nil, errNoMessage
	}
	return http.NoBody, nil
}

// heldBody is a body that is in memory. Bytes is for readers that need no copy.
type heldBody struct {
	*bytes.Reader
	bytes []byte
}

func (heldBody) Close() error    { return nil }
func (b heldBody) Bytes() []byte { return b.bytes }

// readAll reads to the end of a body that is most bytes long and a little more when it is too long. take is told how much
// memory that needs as it grows, and may refuse it. A promised length is believed up to advance, and what has come vouches for
// trust times as much.
func readAll(body io.Reader, length, most int64, take func(bytes int) error) ([]byte, error) {
	const (
		advance = 512 << 10
		trust   = 8
	)
	buf := make([]byte, 0, min(max(length, 0), advance)+bytes.MinRead)
	for {
		if err := take(cap(buf)); err != nil {
			return nil, err
		}
		for len(buf) < cap(buf) {
			n, err := body.Read(buf[len(buf):cap(buf)])
			buf = buf[:len(buf)+n]
			switch {
			case errors.Is(err, io.EOF):
				return buf, nil
			case err != nil:
				return nil, err
			}
		}
		more := len(buf) // unknown length: as much again
		if promised := int(length) - len(buf); promised > 0 {
			more = min(promised, (trust-1)*len(buf)) + bytes.MinRead
		}
		more = min(more, max(int(most)-len(buf), 0)+bytes.MinRead)
		if err := take(cap(buf) + more); err != nil {
			return nil, err
		}
		buf = append(make([]byte, 0, len(buf)+more), buf...)
	}
}

// leastProgress is how much of a large body must come within bodyIdle, bytes: one that drips holds memory that others need.
const leastProgress = 128 << 10

// patientBody is a request's body with a most for its length, of which each read has its own time, and the whole of it
// too.
type patientBody struct {
	io.ReadCloser
	control *http.ResponseController
	end     time.Time
	read    int       // bytes so far
	since   time.Time // leastProgress has come before this, and so much of read
	before  int
}

func newPatientBody(w http.ResponseWriter, r *http.Request, most int64) *patientBody {
	now := time.Now()
	return &patientBody{
		ReadCloser: http.MaxBytesReader(w, r.Body, most), control: http.NewResponseController(w),
		end: now.Add(bodyIdle + time.Duration(most/bodyRate)*time.Second), since: now,
	}
}

// deadline returns how long the next read may take.
func (b *patientBody) deadline(now time.Time) time.Time {
	if b.read <= small || b.read-b.before >= leastProgress {
		b.since, b.before = now, b.read
	}
	if d := b.since.Add(bodyIdle); d.Before(b.end) {
		return d
	}
	return b.end
}

// Read fails with errors that tell no address, since connect-go shows them to the client.
func (b *patientBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(b.deadline(time.Now()))
	n, err := b.ReadCloser.Read(p)
	b.read += n
	switch exceeded := (*http.MaxBytesError)(nil); {
	case err == nil, errors.Is(err, io.EOF), errors.As(err, &exceeded):
		return n, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, os.ErrDeadlineExceeded
	}
	return n, io.ErrUnexpectedEOF
}

// done ends the body's time: all of it has come.
func (b *patientBody) done() { _ = b.control.SetReadDeadline(time.Time{}) }
