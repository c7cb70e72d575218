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
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// Limits bound how long a server may send nothing.
type Limits struct {
	FirstByte time.Duration // from sending the request to the first byte of the body
	Idle      time.Duration // before each later byte; 0: FirstByte bounds the whole answer
	Ahead     bool          // the answer may be read ahead while its reader is away
}

// Answer is what a server answered, to be read and closed by one goroutine.
// It cuts itself off when the caller's context ends or the server sends
// nothing for too long. Its errors are those that this package promises.
type Answer struct {
	Status      int    // HTTP's
	ContentType string // "" when there is none
	Server      string // its name
	// Unserved: the server says that it has not begun to serve the call; see KeepRefusal.
	Unserved bool
	// OnEnd is called once when the answer has ended or is closed, with why it broke
	// off if it did; it may be nil.
	OnEnd func(err error)

	caller   context.Context
	ctx      context.Context // the caller's, until cut off
	cancel   context.CancelCauseFunc
	watchdog *time.Timer
	idle     time.Duration
	body     io.ReadCloser
	begun    bool
	span     trace.Span // of the exchange
	mayAhead bool
	left     *atomic.Int64 // that may be read ahead of all answers of the server

	mu      sync.Mutex // for OnEnd, too
	away    *time.Timer
	reading bool   // the reader is not away
	ahead   *ahead // nil until it was away for long
	closed  bool
}

var errTimeout = errors.New("deadline passed")

func (a *Answer) begin(s *Server, path string, body *Body) error {
	request, err := s.request(a.ctx, path, body)
	if err != nil {
		return a.fault(err)
	}
	response, err := s.transport.RoundTrip(request) //nolint:bodyclose // Close does it
	if err != nil {
		return a.fault(err)
	}
	a.body, a.Status, a.ContentType = response.Body, response.StatusCode, response.Header.Get("Content-Type")
	a.noteStatus()
	if coding := response.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return ErrNonsense.WithCause(errors.New("coded, which was not asked for"))
	}
	return nil
}

// maxRefusal bounds what an upstream says in place of an answer.
const maxRefusal = 64 << 10

// KeepRefusal finds out whether the server says, as Ollama does, that it has not
// begun to serve the call: it lacks the model, or its queue is full. An answer that
// may say so is over then, and can be read all the same.
func (a *Answer) KeepRefusal() error {
	if a.Status != http.StatusNotFound && a.Status != http.StatusServiceUnavailable {
		return nil
	}
	text, err := a.ReadAll(maxRefusal)
	a.Close()
	if err != nil {
		return err
	}
	var refusal struct{ Error json.RawMessage } // a text, or an object under /v1
	a.Unserved = json.Unmarshal(text, &refusal) == nil && refusal.Error != nil
	a.body = io.NopCloser(bytes.NewReader(text))
	return nil
}

// OrError returns a if its status is 200, else what the server says is wrong.
func (a *Answer) OrError() (*Answer, error) {
	if a.Status == http.StatusOK {
		return a, nil
	}
	defer a.Close()
	text, _ := a.ReadAll(maxRefusal) // as much of it as comes
	if err := a.caller.Err(); err != nil {
		return nil, err
	}
	return nil, StatusError(a.Status, text)
}

// Read reads on, within the limits. The time that its caller takes between two
// reads is not held against the server.
func (a *Answer) Read(p []byte) (int, error) {
	if h := a.back(); h != nil {
		return h.Read(p)
	}
	n, err := a.readBody(p)
	if err == nil && a.mayAhead && a.Status == http.StatusOK {
		a.leave()
	}
	return n, err
}

// readBody reads on what the server sends.
func (a *Answer) readBody(p []byte) (int, error) {
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
		a.end(nil)
	case err != nil:
		err = a.fault(err)
		a.end(err)
	}
	return n, err
}

// ReadAll reads an answer that is at most limit bytes long.
func (a *Answer) ReadAll(limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(a, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = ErrNonsense.WithCause(fmt.Errorf("more than %d bytes", limit))
	}
	return b, err
}

// maxMetadata bounds what a server says about its models. api/show lists
// every tensor.
const maxMetadata = 16 << 20

// Decode reads an answer of one JSON value into result, and closes it. It fails when
// the status is not 200.
func (a *Answer) Decode(result any) error {
	a, err := a.OrError()
	if err != nil {
		return err
	}
	defer a.Close()
	value, err := a.ReadAll(maxMetadata)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(value, result); err != nil {
		return ErrNonsense.WithCause(err)
	}
	return nil
}

// drainTime is how long Drain waits for the end of an answer after its last message.
const drainTime = 50 * time.Millisecond

// Drain reads the end of an answer after its last message, so that its connection
// can be used again.
func (a *Answer) Drain() {
	timer := time.AfterFunc(drainTime, func() { a.cancel(nil) })
	defer timer.Stop()
	_, _ = io.CopyN(io.Discard, a, 4<<10)
}

// Close ends the exchange; unless the answer was read to its end, that has
// the server stop. A second Close does nothing.
func (a *Answer) Close() error {
	a.watchdog.Stop()
	a.cancel(nil)
	a.mu.Lock()
	a.closed = true
	if a.away != nil {
		a.away.Stop()
	}
	h := a.ahead
	a.mu.Unlock()
	if h != nil {
		h.close()
	}
	var err error
	if a.body != nil {
		err = a.body.Close()
	}
	a.end(nil)
	return err
}

func (a *Answer) end(err error) {
	a.endSpan(err)
	a.mu.Lock()
	onEnd := a.OnEnd
	a.OnEnd = nil
	a.mu.Unlock()
	if onEnd != nil {
		onEnd(err)
	}
}

// fault returns why the exchange broke off.
func (a *Answer) fault(err error) error {
	var network *net.OpError // such as a dial that timed out, which is a context.DeadlineExceeded, too
	errors.As(err, &network)
	switch {
	case a.caller.Err() != nil:
		return a.caller.Err()
	case errors.Is(context.Cause(a.ctx), errTimeout):
		e := ErrTimeout.WithCause(errTimeout)
		e.TimedOut = true
		return e
	case errors.Is(context.Cause(a.ctx), context.Canceled): // closed while it is read ahead
		return context.Canceled
	case network == nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return err // the caller's, ahead of its own Err: no fault of the server
	case a.body != nil:
		return errBrokenOff.WithCause(err)
	}
	e := ErrUnreachable.WithCause(err)
	e.Unserved = network != nil && network.Op == "dial"
	return e
}
