package ollama

import (
	"bytes"
	"context"
	"encoding/json"
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
	whole     bool          // the first byte comes when the answer is done
}

// Answer is what an upstream answered, to be read and closed by one goroutine.
// It cuts itself off when the caller's context ends or the upstream keeps silent
// for too long. Its errors are those that this package promises.
type Answer struct {
	Status      int    // HTTP's
	ContentType string // "" when there is none
	Upstream    string // the server that answers, as in UpstreamState.Name

	caller   context.Context
	ctx      context.Context // the caller's, until cut off
	cancel   context.CancelCauseFunc
	watchdog *time.Timer
	idle     time.Duration
	body     io.ReadCloser
	begun    bool
	unserved bool // the upstream says that it has not begun to serve the call
	// leave gives up the call's place at the upstream, and is told why the answer
	// broke off if it did; nil when there is no place.
	leave func(err error)
}

var errSilent = errors.New("deadline passed")

// send makes one request, GET without a body and POST with one, and gives the
// answer whatever its status.
func (s *server) send(ctx context.Context, path string, body *Body, l limits) (*Answer, error) {
	a := &Answer{Upstream: s.name, caller: ctx, idle: l.idle}
	a.ctx, a.cancel = context.WithCancelCause(ctx)
	a.watchdog = time.AfterFunc(l.firstByte, func() { a.cancel(errSilent) })
	if err := a.begin(s, path, body); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func (a *Answer) begin(s *server, path string, body *Body) error {
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

// maxRefusal bounds what an upstream says in place of an answer.
const maxRefusal = 64 << 10

// keepRefusal finds out whether the upstream says, as Ollama does, that it has not
// begun to serve the call: it lacks the model, or its queue is full. An answer that
// may say so is over then, and can be read all the same.
func (a *Answer) keepRefusal() error {
	if a.Status != http.StatusNotFound && a.Status != http.StatusServiceUnavailable {
		return nil
	}
	text, err := a.readAll(maxRefusal)
	a.Close()
	if err != nil {
		return err
	}
	var refusal struct{ Error json.RawMessage } // a text, or an object under /v1
	a.unserved = json.Unmarshal(text, &refusal) == nil && refusal.Error != nil
	a.body = io.NopCloser(bytes.NewReader(text))
	return nil
}

// orFault gives a if its status is 200, else what the upstream says is wrong.
func (a *Answer) orFault() (*Answer, error) {
	if a.Status == http.StatusOK {
		return a, nil
	}
	defer a.Close()
	text, _ := a.readAll(maxRefusal) // as much of it as comes
	if err := a.caller.Err(); err != nil {
		return nil, err
	}
	return nil, StatusError(a.Status, text)
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
	switch {
	case errors.Is(err, io.EOF):
		a.giveUpPlace(nil)
	case err != nil:
		err = a.fault(err)
		a.giveUpPlace(err)
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
	a.giveUpPlace(nil)
	return err
}

func (a *Answer) giveUpPlace(err error) {
	if a.leave != nil {
		a.leave(err)
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
