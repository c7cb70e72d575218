package ops

import (
	"errors"
	"net/http"
	"time"
)

// WriteIdle is how long a client may take for each piece of an answer.
var WriteIdle = 30 * time.Second

// recorder remembers the status, and whether the client has gone, and gives each write its own time, so that a client that reads nothing does not hold a
// stream for ever. The deadline is set in the writing goroutine. An answer may well pause for longer: on HTTP/2, where a
// deadline that passes ends the stream, it is taken back after; on HTTP/1 it counts for writes alone, and the next one sets
// it anew.
type recorder struct {
	http.ResponseWriter
	control *http.ResponseController
	status  int  // 0: nothing has been written
	gone    bool // the client has, before all was written
	http2   bool
	limited time.Time // when the deadline was set last; HTTP/1 only
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
	r.limit()
	defer r.unlimit()
	n, err := r.ResponseWriter.Write(b)
	if err != nil && !errors.Is(err, http.ErrBodyNotAllowed) { // that is the answer to HEAD
		r.gone = true
	}
	return n, err
}

// FlushError serves http.ResponseController.
func (r *recorder) FlushError() error {
	r.limit()
	defer r.unlimit()
	err := r.control.Flush()
	if err != nil {
		r.gone = true
	}
	return err
}

// Flush serves what asks for an http.Flusher.
func (r *recorder) Flush() { _ = r.FlushError() }

// Unwrap serves http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// limit sets a deadline, unless one is about as good: a stream writes very often.
func (r *recorder) limit() {
	now := time.Now()
	if !r.http2 {
		if now.Sub(r.limited) < WriteIdle/16 {
			return
		}
		r.limited = now
	}
	_ = r.control.SetWriteDeadline(now.Add(WriteIdle))
}

func (r *recorder) unlimit() {
	if r.http2 {
		_ = r.control.SetWriteDeadline(time.Time{})
	}
}
