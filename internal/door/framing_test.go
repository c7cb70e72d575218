package door

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestCheckFraming_Headers(t *testing.T) {
	for _, c := range []struct {
		name, value string
		ok          bool
	}{
		{"Content-Encoding", "identity", true},
		{"Content-Encoding", "gzip", false},
		{"Connect-Content-Encoding", "gzip", false},
		{"Grpc-Encoding", "gzip", false},
		{"Connect-Timeout-Ms", "1000", true},
		{"Connect-Timeout-Ms", "12345678901", false},
		{"Connect-Timeout-Ms", "-1", false},
		{"Grpc-Timeout", "30S", true},
		{"Grpc-Timeout", "30", false},
		{"Grpc-Timeout", "S", false},
		{"Grpc-Timeout", "123456789m", false},
		{"Connect-Protocol-Version", "1", true},
		{"Connect-Protocol-Version", "2", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set(c.name, c.value)
		if err := CheckFraming(r); (err == nil) != c.ok {
			t.Errorf("%s: %s: %v", c.name, c.value, err)
		}
	}
}

func TestCheckFraming_Query(t *testing.T) {
	for query, ok := range map[string]bool{
		"encoding=json&message={}":                      true,
		"encoding=proto&message=&base64=1&connect=v1":   true,
		"encoding=proto&message=AAA=&base64=1":          true,
		"encoding=proto&message=AAA&base64=1":           true,
		"encoding=proto&message=A*A&base64=1":           false,
		"encoding=xml&message={}":                       false,
		"message={}":                                    false,
		"encoding=json":                                 false,
		"encoding=json&message={}&connect=v2":           false,
		"encoding=json&message={}&compression=gzip":     false,
		"encoding=json&message={}&compression=identity": true,
	} {
		if err := CheckFraming(httptest.NewRequest(http.MethodGet, "/?"+query, nil)); (err == nil) != ok {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// TestIsOneMessage: a body in an envelope is one whole uncompressed message.
func TestIsOneMessage(t *testing.T) {
	for body, ok := range map[string]bool{
		"\x00\x00\x00\x00\x00": true, "\x00\x00\x00\x00\x02{}": true,
		"": false, "\x00\x00": false, "\x01\x00\x00\x00\x02{}": false, "\x00\x00\x00\x00\x03{}": false, "\x00\x00\x00\x00\x01{}": false,
	} {
		if got := isOneMessage([]byte(body)); got != ok {
			t.Errorf("%q: %t", body, got)
		}
	}
}
