package ops

import (
	"net/http/httptest"
	"testing"

	"github.com/paddock-gate/paddock/internal/version"
)

func TestHealthz_Version(t *testing.T) {
	w := httptest.NewRecorder()
	new(Health).Healthz(w, httptest.NewRequestWithContext(t.Context(), "GET", "/healthz", nil))
	if got, want := w.Body.String(), `{"status":"ok","version":"`+version.String()+`"}`+"\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
