package ollama

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// limits bound how long an upstream may keep silent.
type limits struct {
	firstByte time.Duration // from sending the request to the first byte of the body
	idle      time.Duration // before each later byte; 0: firstByte bounds the whole answer
}

// answer is the body of a status 200, to be read and closed. It cuts itself off
// when the caller's context ends or the upstream keeps silent for too long, and
// its errors are those that this package promises.
type answer struct {
	caller   context.Context
	ctx      context.Context // the caller's, until cut off
	cancel   context.CancelCauseFunc
	watchdog *time.Timer
	idle     time.Duration
	body     io.ReadCloser
	begun    bool
}

var errSilent = errors.New("deadline passed")

// send makes one request, GET without a body and POST with one, and gives the
// answer if its status is 200.
func (c *Client) send(ctx context.Context, path string, body []byte, l limits) (*answer, error) {
	a := &answer{caller: ctx, idle: l.idle}
	a.ctx, a.cancel = context.WithCancelCause(ctx)
	a.watchdog = time.AfterFunc(l.firstByte, func() { a.cancel(errSilent) })
	if err := a.begin(c, path, body); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func (a *answer) begin(c *Client, path string, body []byte) error {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(a.ctx, method, c.base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return a.fault(err)
	}
	request.Header.Set("User-Agent", "paddock")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request) //nolint:bodyclose // Close does it
	if err != nil {
		return a.fault(err)
	}
	a.body = response.Body
	if response.StatusCode == http.StatusOK {
		return nil
	}
	text, _ := a.readAll(64 << 10) // as much of it as comes
	if err := a.caller.Err(); err != nil {
		return err
	}
	return statusError(response.StatusCode, text)
}

// Read reads on, within the limits. The time that its caller takes between two
// reads is not held against the upstream.
func (a *answer) Read(p []byte) (int, error) {
	if a.begun && a.idle > 0 {
		a.watchdog.Reset(a.idle)
	}
	n, err := a.body.Read(p)
	if a.idle > 0 {
		a.watchdog.Stop()
	}
	a.begun = true
	if err != nil && !errors.Is(err, io.EOF) {
		err = a.fault(err)
	}
	return n, err
}

// readAll reads an answer that is at most limit bytes long.
func (a *answer) readAll(limit int64) ([]byte, error) {
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
func (a *answer) drain() {
	a.idle = drainTime
	_, _ = io.CopyN(io.Discard, a, 4<<10)
}

// Close ends the exchange; unless the answer was read to its end, that tells
// the upstream to stop.
func (a *answer) Close() {
	a.watchdog.Stop()
	a.cancel(nil)
	if a.body != nil {
		a.body.Close()
	}
}

// fault says why the exchange broke off.
func (a *answer) fault(err error) error {
	switch {
	case a.caller.Err() != nil:
		return a.caller.Err()
	case errors.Is(context.Cause(a.ctx), errSilent):
		return unavailable(messageSilent, errSilent)
	case a.body != nil:
		return unavailable(messageBrokenOff, err)
	}
	return unavailable(messageUnreachable, err)
}
