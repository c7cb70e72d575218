package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestWhatIsTooLargeIsToldWithTheLimit(t *testing.T) {
	for most, want := range map[int64]string{authBody: "larger than 16 KiB", metadataBody: "larger than 64 KiB", 4 << 20: "larger than 4 MiB"} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat(" ", int(most)+1)))
		if _, err := readBody(httptest.NewRecorder(), r, entrance{maxBody: most}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: %v, want %q", most+1, err, want)
		}
	}
}
