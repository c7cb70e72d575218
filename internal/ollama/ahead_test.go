package ollama

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

// awayFrom returns an answer of so many bytes that is read ahead since nobody reads it, the server, and what is sent how it ended.
func awayFrom(t *testing.T, size int) (a *Answer, s *Server, ended <-chan error) {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range size >> 10 {
			if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<10)); err != nil {
				return
			}
		}
	}))
	t.Cleanup(upstream.Close)
	base, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	s = NewServer("s", base, time.Second)
	a, err = s.Send(t.Context(), "api/chat", NewBody([]byte("{}")), Limits{FirstByte: time.Minute, Idle: time.Minute, Ahead: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	end := make(chan error, 1)
	a.OnEnd = func(err error) { end <- err }
	if _, err := a.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return a, s, end
}

// wantLeft checks what may be read ahead once nothing is.
func wantLeft(t *testing.T, s *Server) {
	t.Helper()
	if left := s.ahead.Load(); left != maxAheadInAll {
		t.Errorf("%d bytes may be read ahead, want %d", left, maxAheadInAll)
	}
}

func TestAnswer_ReadAhead(t *testing.T) {
	const size = maxAhead / 2
	a, s, ended := awayFrom(t, size)
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	rest, err := io.ReadAll(a)
	if len(rest) != size-1 || err != nil {
		t.Errorf("%d bytes, %v", len(rest), err)
	}
	wantLeft(t, s)
}

// A reader that comes back in time gets all of an answer that is longer than what may be read ahead.
func TestAnswer_ReadAheadUntilFull(t *testing.T) {
	const size = 16 * maxAhead
	a, s, _ := awayFrom(t, size)
	time.Sleep(4 * awayAfter)
	if used := maxAheadInAll - s.ahead.Load(); used < maxAhead || used > maxAhead+minAhead {
		t.Errorf("%d bytes were read ahead", used)
	}
	rest, err := io.ReadAll(a)
	if len(rest) != size-1 || err != nil {
		t.Errorf("%d bytes, %v", len(rest), err)
	}
	wantLeft(t, s)
}

func TestAnswer_HeldUp(t *testing.T) {
	setHeldUp(t, 2*awayAfter)
	a, s, ended := awayFrom(t, 16*maxAhead)
	select {
	case err := <-ended:
		if isFault(err) {
			t.Errorf("counts against the server: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the model is held up")
	}
	if rest, err := io.ReadAll(a); len(rest) < maxAhead || !errors.Is(err, ErrUnread) || !errors.Is(err, ErrNotRead) {
		t.Errorf("%d bytes, %v", len(rest), err)
	}
	wantLeft(t, s)
}

// TestAnswer_HeldUpByDrips: who takes a little now and then holds up the model no longer in all than for a while.
func TestAnswer_HeldUpByDrips(t *testing.T) {
	before := heldUpInAll
	heldUpInAll = 3 * awayAfter
	t.Cleanup(func() { heldUpInAll = before })
	a, _, ended := awayFrom(t, 16*maxAhead)
	time.Sleep(2 * awayAfter)
	drip := time.NewTicker(20 * time.Millisecond)
	defer drip.Stop()
	for end := time.After(10 * time.Second); ; {
		select {
		case err := <-ended:
			if isFault(err) {
				t.Errorf("counts against the server: %v", err)
			}
			return
		case <-end:
			t.Fatal("the model is held up")
		case <-drip.C:
			if _, err := a.Read(make([]byte, 1<<10)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAnswer_CloseWhileReadAhead(t *testing.T) {
	for name, wait := range map[string]time.Duration{"before": 0, "when it begins": awayAfter, "when it is full": 4 * awayAfter} {
		a, s, ended := awayFrom(t, 16*maxAhead)
		time.Sleep(wait)
		a.Close()
		if err := <-ended; isFault(err) {
			t.Errorf("%s: counts against the server: %v", name, err)
		}
		for deadline := time.Now().Add(time.Second); s.ahead.Load() != maxAheadInAll && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		wantLeft(t, s)
	}
}

// What hangs after the last message says nothing about the server.
func TestAnswer_DrainHangs(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "{\"message\":{\"content\":\"a\"},\"done\":true}\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(upstream.Close)
	base, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewServer("s", base, time.Second).Send(t.Context(), "api/chat", NewBody([]byte("{}")), Limits{FirstByte: time.Minute, Idle: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	a.OnEnd = func(err error) { ended <- err }
	for _, err := range a.Pieces {
		if err != nil {
			t.Error(err)
		}
	}
	if err := <-ended; isFault(err) {
		t.Errorf("counts against the server: %v", err)
	}
}

func isFault(err error) bool {
	_, ok := errors.AsType[*Error](err)
	return ok
}

func setHeldUp(t *testing.T, d time.Duration) {
	t.Helper()
	old := heldUp
	heldUp = d
	t.Cleanup(func() { heldUp = old })
}
