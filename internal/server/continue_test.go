package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/door"
)

// TestContinue_Cut: a call that came while the server started ends with the others when the time to drain is over.
func TestContinue_Cut(t *testing.T) {
	t.Parallel()
	var cause error
	s := &Server{cut: make(chan struct{}), handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
			cause = context.Cause(r.Context())
		case <-time.After(10 * time.Second):
		}
	})}
	close(s.cut)
	s.Continue().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if !errors.Is(cause, door.ErrDraining) {
		t.Errorf("the call ends with %v", cause)
	}
}
