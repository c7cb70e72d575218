package ops

import (
	"errors"
	"net/http"
	"time"
)

// WriteIdle is how long each write of a response may take.
var WriteIdle = 30 * time.Second

// recorder records the status and whether the client has gone, and sets a deadline for each write, so that a client that reads nothing
// cannot block a stream for ever. The deadline is set in the writing goroutine. Responses may pause for longer: on HTTP/2, where a
// deadline that passes ends the stream, it is removed after each write; on HTTP/1 it concerns writes alone, and the next one renews
// it.
type recorder struct {
	http.ResponseWriter
	control    *http.ResponseController
	status     int  // 0 until something is written
	clientGone bool // a write has failed
	http2      bool
	renewed    time.Time // when the deadline was last set; HTTP/1 only
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.setDeadline()
	defer r.clearDeadline()
	n, err := r.ResponseWriter.Write(b)
	if err != nil && !errors.Is(err, http.ErrBodyNotAllowed) { // as for HEAD
		r.clientGone = true
	}
	return n, err
}

// FlushError is called by http.ResponseController.
func (r *recorder) FlushError() error {
	r.setDeadline()
	defer r.clearDeadline()
	err := r.control.Flush()
	if err != nil {
		r.clientGone = true
	}
	return err
}

// Flush implements [http.Flusher].
func (r *recorder) Flush() { _ = r.FlushError() }

// Unwrap is called by http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// setDeadline sets the deadline of writes, unless it has just been set: streams write often.
func (r *recorder) setDeadline() {
	now := time.Now()
	if !r.http2 {
		if now.Sub(r.renewed) < WriteIdle/16 {
			return
		}
		r.renewed = now
	}
	_ = r.control.SetWriteDeadline(now.Add(WriteIdle))
}

func (r *recorder) clearDeadline() {
	if r.http2 {
		_ = r.control.SetWriteDeadline(time.Time{})
	}
}
