package door

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
)

// bodyIdle is how long reading a body may wait for more of it. The whole body may take that long, and a second more for every
// bodyRate bytes of its limit.
var bodyIdle = 15 * time.Second

const bodyRate = 32 << 10 // bytes a second

// unreadWait is how long net/http may wait for the rest of a body that no handler has read.
const unreadWait = 500 * time.Millisecond

// DiscardUnread returns a handler that calls next and then reads and discards what next has left of the request's body, up to
// twice the largest body that any route accepts, so that the response reaches the client. Without it, net/http waits without limit
// for the rest of a body before it sends the response, which a client that sends nothing more would never see; and it resets the
// connection, or the HTTP/2 stream, of a client that sends much, and many clients send the whole body before they read the
// response. (Full-duplex mode does not help: with it, net/http 1.26 resets the connection when a handler leaves a body unread.)
// Of an RPC's body it discards little, and none over HTTP/2 if it is enveloped, since such clients read while they write.
func DiscardUnread(largest int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 || r.ProtoMajor != 1 && enveloped(r) {
			next.ServeHTTP(w, r)
			return
		}
		control := http.NewResponseController(w)
		if r.ProtoMajor == 1 { // of HTTP/2 no deadline that has passed can be set anew, nor does it wait
			_ = control.SetReadDeadline(time.Now().Add(unreadWait)) // readers set another
		}
		body := &trackedBody{ReadCloser: r.Body}
		r.Body = body
		next.ServeHTTP(w, r)
		limit := 2 * largest
		if service, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); strings.Contains(service, ".") {
			limit = discardedOfRPC
		}
		if !body.ended && r.Header.Get("Expect") == "" && control.Flush() == nil {
			discard(control, body, limit, r.ContentLength)
		}
	})
}

// trackedBody is a body that records whether it was read to its end or until an error.
type trackedBody struct {
	io.ReadCloser
	ended bool
}

func (b *trackedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err != nil
	return n, err
}

// discardedOfRPC is how much of the unread body of an RPC is discarded, bytes. The name of its service has a dot.
const discardedOfRPC = 4 << 20

// How long discard waits for more of a body, and how long it takes in all.
const discardIdle, discardWait = time.Second, 2 * time.Minute

// discardAtOnce is how many bytes discard reads at once, at most.
const discardAtOnce = 32 << 10

// discard reads the rest of a body, at most limit bytes. The body's size is as announced, or -1.
func discard(control *http.ResponseController, body io.Reader, limit, size int64) {
	if size < 0 {
		size = discardAtOnce
	}
	buf := make([]byte, min(size, discardAtOnce))
	for end := time.Now().Add(discardWait); limit > 0; {
		idle := time.Now().Add(discardIdle)
		if idle.After(end) {
			idle = end
		}
		_ = control.SetReadDeadline(idle)
		n, err := body.Read(buf)
		if limit -= int64(n); err != nil {
			return
		}
	}
}

// LimitBody returns a handler that calls next with a body of at most limit bytes, whose reads have the deadlines of readBody.
func LimitBody(limit int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = newTimedBody(w, r, limit)
		next.ServeHTTP(w, r)
	})
}

var errNoBody = apierr.Invalid("", "the request's body did not come, or not all of it")

// errTooLarge returns the error of a body of more than limit bytes.
func errTooLarge(limit int64) *connect.Error {
	size := fmt.Sprintf("%d KiB", limit>>10)
	if limit%(1<<20) == 0 {
		size = fmt.Sprintf("%d MiB", limit>>20)
	}
	message := "the request is larger than " + size
	return apierr.Retry(connect.CodeResourceExhausted, apierr.MessageTooLarge, message, apierr.RetryDefault)
}

// freeGrowth is how large a body may be whose growth by decoding is not counted, bytes: a conversation as people have them.
const freeGrowth = 64 << 10

// readBody reads the whole body into memory, so that a body that is too large, too slow or no message is refused as such in every
// dialect. (connect-go would answer by itself, without our ErrorInfo, and drain what it refuses.) With a MaxBody of 0 the body is
// left unread: a client that asks for what does not exist is told of that alone.
func readBody(w http.ResponseWriter, r *http.Request, e Endpoint, room *room) (io.ReadCloser, error) {
	switch {
	case e.MaxBody == 0:
		return http.NoBody, nil
	case r.ContentLength > e.MaxBody:
		return nil, errTooLarge(e.MaxBody)
	case r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0:
		return noBody(r)
	}
	body := newTimedBody(w, r, e.MaxBody)
	read, err := readAll(body, r.ContentLength, e.MaxBody, func(bytes int) error {
		return room.take(bytes + max(bytes-freeGrowth, 0)*max(e.Growth-1, 0))
	})
	if err == nil {
		body.done()
		read, err = decode(r.Header.Get("Content-Encoding"), read, e.MaxBody, room)
	}
	known, _ := errors.AsType[*connect.Error](err)
	switch exceeded := (*http.MaxBytesError)(nil); {
	case known != nil:
		return nil, known
	case errors.As(err, &exceeded):
		return nil, errTooLarge(e.MaxBody)
	case err != nil:
		return nil, errNoBody
	case len(read) == 0:
		return noBody(r)
	case r.Method == http.MethodPost && enveloped(r) && !isOneMessage(read):
		return nil, errNoMessage
	}
	return bufferedBody{bytes.NewReader(read), read}, nil
}

// noBody returns the body of a request without one, or an error if its protocol requires a message.
func noBody(r *http.Request) (io.ReadCloser, error) {
	if r.Method == http.MethodPost && enveloped(r) {
		return nil, errNoMessage
	}
	return http.NoBody, nil
}

// bufferedBody is a body in memory. Its method Bytes saves readers a copy.
type bufferedBody struct {
	*bytes.Reader
	bytes []byte
}

func (bufferedBody) Close() error    { return nil }
func (b bufferedBody) Bytes() []byte { return b.bytes }

// readAll reads body to its end, which must come within limit bytes and a few more. It calls take with the size of its buffer
// before the buffer grows, and fails if take does. length is the announced length, negative if unknown; memory is allocated ahead
// up to advance bytes, and then up to trust times what has been read.
func readAll(body io.Reader, length, limit int64, take func(bytes int) error) ([]byte, error) {
	const (
		advance = 512 << 10
		trust   = 32
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
		more = min(more, max(int(limit)-len(buf), 0)+bytes.MinRead)
		if err := take(cap(buf) + more); err != nil {
			return nil, err
		}
		buf = append(make([]byte, 0, len(buf)+more), buf...)
	}
}

// leastProgress is how many bytes of a large body must arrive within bodyIdle: a trickling one takes memory that others need.
const leastProgress = 128 << 10

// timedBody is a request's body of limited length, with a deadline for each read and one for the whole.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
	end     time.Time
	read    int       // bytes so far
	since   time.Time // when leastProgress had last been made
	before  int       // bytes read until then
}

func newTimedBody(w http.ResponseWriter, r *http.Request, limit int64) *timedBody {
	now := time.Now()
	return &timedBody{
		ReadCloser: http.MaxBytesReader(w, r.Body, limit), control: http.NewResponseController(w),
		end: now.Add(bodyIdle + time.Duration(limit/bodyRate)*time.Second), since: now,
	}
}

// deadline returns the deadline of the next read.
func (b *timedBody) deadline(now time.Time) time.Time {
	if b.read <= small || b.read-b.before >= leastProgress {
		b.since, b.before = now, b.read
	}
	if d := b.since.Add(bodyIdle); d.Before(b.end) {
		return d
	}
	return b.end
}

// Read returns errors without addresses, since connect-go shows them to the client.
func (b *timedBody) Read(p []byte) (int, error) {
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

// done removes the deadline after the whole body has been read.
func (b *timedBody) done() { _ = b.control.SetReadDeadline(time.Time{}) }
