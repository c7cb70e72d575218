package ollama

import (
	"context"
	"errors"
	"net"
	"net/url"
	"testing"
	"time"
)

// The end of a context may show in a call before it shows in the context itself: that is
// no fault of the server, whose circuit breaker must not count it.
func TestSend_ContextEndsInMidDial(t *testing.T) {
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		s := NewServer("s", &url.URL{Scheme: "http", Host: "127.0.0.1:9"}, time.Minute)
		s.transport.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, ended }
		a, err := s.Send(t.Context(), "api/tags", nil, Limits{FirstByte: time.Minute})
		if !errors.Is(err, ended) || errors.Is(err, ErrUnavailable) {
			t.Errorf("%v, %v, want %v", a, err, ended)
		}
	}
}
