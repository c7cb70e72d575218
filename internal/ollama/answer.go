package ollama

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// limits bound how long an upstream may keep silent.
type limits struct {
	firstByte time.Duration // from sending the request to the first byte of the body
	idle      time.Duration // before each later byte; 0: firstByte bounds the whole answer
	patient   bool          // the header may be long in coming: then send fails with errSlow
}

// Answer is what an upstream answered, to be read and closed by one goroutine.
// It cuts itself off when the caller's context ends or the upstream keeps silent
// for too long. Its errors are those that this package promises.
type Answer struct {
	Status      int    // HTTP's
	ContentType string // "" when there is none

	caller   context.Context
	ctx      context.Context // the caller's, until cut off
	cancel   context.CancelCauseFunc
	watchdog *time.Timer
	idle     time.Duration
	body     io.ReadCloser
	begun    bool
	leave    func() // gives up the call's place at the upstream; nil when it has none
}

var (
	errSilent = errors.New("deadline passed")
	// errSlow is no Error, so that nobody takes it for a failure of the upstream's.
	errSlow = errors.New("answer is not done in time")
)

// send makes one request, GET without a body and POST with one, and gives the
// answer whatever its status.
func (s *server) send(ctx context.Context, path string, body [][]byte, l limits) (*Answer, error) {
	a := &Answer{caller: ctx, idle: l.idle}
	a.ctx, a.cancel = context.WithCancelCause(ctx)
	a.watchdog = time.AfterFunc(l.firstByte, func() { a.cancel(errSilent) })
	if err := a.begin(s, path, body); err != nil {
		a.Close()
		if l.patient && isSilent(err) {
			err = errSlow
		}
		return nil, err
	}
	return a, nil
}

func (a *Answer) begin(s *server, path string, body [][]byte) error {
	request, err := s.request(a.ctx, path, body)
	if err != nil {
		return a.fault(err)
	}
	response, err := s.transport.RoundTrip(request) //nolint:bodyclose // Close does it
	if err != nil {
		return a.fault(err)
	}
	a.body, a.Status, a.ContentType = response.Body, response.StatusCode, response.Header.Get("Content-Type")
	return nil
}

// orFault gives a if its status is 200, else what the upstream says is wrong.
func (a *Answer) orFault() (*Answer, error) {
	if a.Status == http.StatusOK {
		return a, nil
	}
	defer a.Close()
	text, _ := a.readAll(64 << 10) // as much of it as comes
	if err := a.caller.Err(); err != nil {
		return nil, err
	}
	return nil, statusError(a.Status, text)
}

// Read reads on, within the limits. The time that its caller takes between two
// reads is not held against the upstream.
func (a *Answer) Read(p []byte) (int, error) {
	if a.begun && a.idle > 0 {
		a.watchdog.Reset(a.idle)
	}
	n, err := a.body.Read(p)
	if a.idle > 0 {
		a.watchdog.Stop()
	}
	a.begun = true
	if err != nil {
		a.giveUpPlace()
		if !errors.Is(err, io.EOF) {
			err = a.fault(err)
		}
	}
	return n, err
}

// readAll reads an answer that is at most limit bytes long.
func (a *Answer) readAll(limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(a, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = failed(messageNonsense, fmt.Errorf("more than %d bytes", limit))
	}
	return b, err
}

// drainTime is how long the end of an answer is waited for that has said all.
const drainTime = 50 * time.Millisecond

// drain reads the end of an answer that has said all, so that its connection
// can be used again.
func (a *Answer) drain() {
	a.idle = drainTime
	_, _ = io.CopyN(io.Discard, a, 4<<10)
}

// Close ends the exchange; unless the answer was read to its end, that tells
// the upstream to stop. A second Close does nothing.
func (a *Answer) Close() error {
	a.watchdog.Stop()
	a.cancel(nil)
	var err error
	if a.body != nil {
		err = a.body.Close()
	}
	a.giveUpPlace()
	return err
}

func (a *Answer) giveUpPlace() {
	if a.leave != nil {
		a.leave()
		a.leave = nil
	}
}

// fault says why the exchange broke off.
func (a *Answer) fault(err error) error {
	switch {
	case a.caller.Err() != nil:
		return a.caller.Err()
	case errors.Is(context.Cause(a.ctx), errSilent):
		e := unavailable(messageSilent, errSilent)
		e.silent = true
		return e
	case a.body != nil:
		return unavailable(messageBrokenOff, err)
	}
	e := unavailable(messageUnreachable, err)
	var connecting *net.OpError
	e.unserved = errors.As(err, &connecting) && connecting.Op == "dial"
	return e
}
