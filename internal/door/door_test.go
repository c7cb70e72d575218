package door

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// TestGuard_HandlerPanics: the call has ended and its body's room is free, whatever the handler panics with.
func TestGuard_HandlerPanics(t *testing.T) {
	for _, value := range []any{"a bug", http.ErrAbortHandler} {
		d := &Door{Calls: NewCalls(), Bodies: NewBodies(largest), Streams: NewStreams(1, 1)}
		e := Endpoint{Method: Method{Rule: &paddockv1.AccessRule{Level: paddockv1.AccessRule_LEVEL_PUBLIC}}, MaxBody: 1 << 20}
		guarded := d.Guard(e, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if d.Calls.running != 1 || d.Bodies.all < 100<<10 {
				t.Errorf("%d calls run, %d bytes of bodies are held", d.Calls.running, d.Bodies.all)
			}
			panic(value)
		}))
		func() {
			defer func() {
				if got := recover(); got != value {
					t.Errorf("recovered %v, want %v", got, value)
				}
			}()
			guarded.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", 100<<10))))
		}()
		if d.Calls.running != 0 || d.Bodies.all != 0 {
			t.Errorf("%v: %d calls, %d bytes of bodies are left", value, d.Calls.running, d.Bodies.all)
		}
	}
}
