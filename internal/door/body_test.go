package door

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReadBody_TooLarge(t *testing.T) {
	for limit, want := range map[int64]string{16 << 10: "larger than 16 KiB", 64 << 10: "larger than 64 KiB", 4 << 20: "larger than 4 MiB"} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat(" ", int(limit)+1)))
		if _, err := readBody(httptest.NewRecorder(), r, Endpoint{MaxBody: limit}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: %v, want %q", limit+1, err, want)
		}
	}
}
