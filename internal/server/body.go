package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net/http"
	"os"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/fault"
	"github.com/paddock-gate/paddock/internal/gateway"
)

// bodyIdle is how long a body may stand still while it is read. All of it may take that long, too, and a second more for
// every 32 KiB that it may have.
var bodyIdle = 15 * time.Second

const bodyRate = 32 << 10 // bytes a second

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

var errNoBody = fault.Invalid("", "the request's body did not come, or not all of it")

func tooLarge(most int64) *connect.Error {
	message := fmt.Sprintf("the request is larger than %d KiB", most>>10)
	return fault.Retry(connect.CodeResourceExhausted, fault.MessageTooLarge, message, retryDefault)
}

// readBody reads the whole body, so that what is too large, too slow or no message is told as such in every dialect.
// (connect-go would answer by itself, without our ErrorInfo, and drain what it refuses.) Where there is nothing to read, 0
// being the most, a body is left unread: a client that asks for what does not exist is to be told just that.
func readBody(w http.ResponseWriter, r *http.Request, most int64, room *room) (io.ReadCloser, error) {
	if most == 0 {
		return http.NoBody, nil
	}
	if r.ContentLength > most {
		return nil, tooLarge(most)
	}
	buf := new(bytes.Buffer)
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		body := newPatientBody(w, r, most)
		err := fill(buf, body, r.ContentLength, room)
		body.done(err)
		if err != nil {
			held{buf}.Reuse()
		}
		switch exceeded := (*http.MaxBytesError)(nil); {
		case errors.As(err, &exceeded):
			return nil, tooLarge(most)
		case errors.Is(err, errNoRoom):
			return nil, errNoRoom
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
	return held{buf}, nil
}

// held is a body that is all there. Its Bytes are for readers that need no copy.
type held struct{ *bytes.Buffer }

var _ gateway.HeldBody = held{}

func (held) Close() error { return nil }

// Reuse gives the memory to another request's body and leaves this one empty. Who calls it knows that nobody reads the bytes
// any more.
func (h held) Reuse() {
	memory := h.Bytes()[:0]
	if size, pool := class(cap(memory)); pool != nil && size == cap(memory) {
		*h.Buffer = bytes.Buffer{}
		pool.Put(bytes.NewBuffer(memory))
	}
}

// Memory for bodies of such sizes, in bytes, is used again: there is little of smaller ones, and there are few larger ones.
const leastReused, mostReused = 32 << 10, 5 << 20

// reused has the memory of each class: four for each power of two.
var reused [9][4]sync.Pool // of *bytes.Buffer

// class rounds a size up, by a quarter at most, to that of all memory in its pool, which is nil if there is none.
func class(size int) (int, *sync.Pool) {
	if size < leastReused || size > mostReused {
		return size, nil
	}
	octave := bits.Len(uint(size - 1))
	step := 1 << (octave - 3)
	steps := (size + step - 1) / step // 5 to 8
	return steps * step, &reused[octave-bits.Len(leastReused-1)][steps-5]
}

// grow makes space for n more bytes, and little more.
func grow(buf *bytes.Buffer, n int) {
	if buf.Available() >= n {
		return
	}
	size, pool := class(buf.Len() + n)
	var larger *bytes.Buffer
	if pool != nil {
		larger, _ = pool.Get().(*bytes.Buffer)
	}
	if larger == nil {
		larger = bytes.NewBuffer(make([]byte, 0, size))
	}
	larger.Write(buf.Bytes())
	*buf, *larger = *larger, *buf
	held{larger}.Reuse()
}

// fill reads the body to its end and takes the room that it needs as it comes. A length is only a promise: it is believed
// up to advance, and what has come makes room for so many times as much of what is to come.
func fill(buf *bytes.Buffer, body io.Reader, length int64, room *room) error {
	const (
		advance = 512 << 10
		trust   = 8
	)
	grow(buf, int(min(max(length, 0), advance))+bytes.MinRead)
	for {
		if err := room.take(buf.Cap()); err != nil {
			return err
		}
		n, err := io.CopyN(buf, body, int64(max(buf.Available()-bytes.MinRead, bytes.MinRead)))
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n == 0:
			return io.ErrNoProgress
		}
		if promised := int(length) - buf.Len(); promised > 0 {
			grow(buf, min(promised, (trust-1)*buf.Len())+bytes.MinRead)
		} else { // it has come, or there is none: as much again
			buf.Grow(bytes.MinRead)
		}
	}
}

// patientBody is a request's body with a most for its length, of which each read has its own time, and the whole of it
// too.
type patientBody struct {
	io.ReadCloser
	control *http.ResponseController
	end     time.Time
}

func newPatientBody(w http.ResponseWriter, r *http.Request, most int64) *patientBody {
	return &patientBody{
		http.MaxBytesReader(w, r.Body, most), http.NewResponseController(w),
		time.Now().Add(bodyIdle + time.Duration(most/bodyRate)*time.Second),
	}
}

// Read fails with errors that tell no address, since connect-go shows them to the client.
func (b *patientBody) Read(p []byte) (int, error) {
	deadline := time.Now().Add(bodyIdle)
	if deadline.After(b.end) {
		deadline = b.end
	}
	_ = b.control.SetReadDeadline(deadline)
	n, err := b.ReadCloser.Read(p)
	switch exceeded := (*http.MaxBytesError)(nil); {
	case err == nil, errors.Is(err, io.EOF), errors.As(err, &exceeded):
		return n, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, os.ErrDeadlineExceeded
	}
	return n, io.ErrUnexpectedEOF
}

// done ends the body's time. After an error nothing more of it is waited for; net/http would, before it answers.
func (b *patientBody) done(err error) {
	var deadline time.Time
	if err != nil {
		deadline = time.Now()
	}
	_ = b.control.SetReadDeadline(deadline)
}
