package door

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/rpc"
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

// unhelpful is a service that serves nothing.
type unhelpful struct {
	paddockv1connect.UnimplementedAuthServiceHandler
	paddockv1connect.UnimplementedOllamaServiceHandler
}

// FuzzCheckFraming checks that connect-go fails none of the requests that pass by itself: with status 500, or without a reason of ours.
func FuzzCheckFraming(f *testing.F) {
	f.Add("encoding=json&message=%7B%7D", "application/json", "", "", []byte("{}"))
	f.Add("encoding=proto&message=AA&base64=1&connect=v1", "application/grpc", "30S", "", []byte("\x00\x00\x00\x00\x00"))
	f.Add("encoding=json", "application/connect+json", "", "1000", []byte("\x00\x00\x00\x00\x02{}"))
	f.Add("encoding=json&message=%ff&compression=identity", "application/grpc-web+proto", "1m", "", []byte("\x80\x00\x00\x00\x00"))
	mux := http.NewServeMux()
	mux.Handle(paddockv1connect.NewAuthServiceHandler(unhelpful{}, rpc.Options()...))
	mux.Handle(paddockv1connect.NewOllamaServiceHandler(unhelpful{}, rpc.Options()...))
	f.Fuzz(func(t *testing.T, query, kind, grpcTimeout, timeout string, body []byte) {
		for _, r := range []*http.Request{
			{Method: http.MethodGet, URL: &url.URL{Path: paddockv1connect.AuthServiceWhoAmIProcedure, RawQuery: query}, Header: http.Header{}, Body: http.NoBody},
			{Method: http.MethodPost, URL: &url.URL{Path: paddockv1connect.OllamaServiceChatProcedure}, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(bytes.NewReader(body))},
			{Method: http.MethodPost, URL: &url.URL{Path: paddockv1connect.AuthServiceLoginProcedure}, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(bytes.NewReader(body))},
		} {
			r.Header.Set("Grpc-Timeout", grpcTimeout)
			r.Header.Set("Connect-Timeout-Ms", timeout)
			r.ProtoMajor, r.ContentLength = 2, int64(len(body))
			if CheckFraming(r) != nil || r.Method == http.MethodPost && enveloped(r) && !isOneMessage(body) {
				continue
			}
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r.WithContext(t.Context()))
			status := w.Result().Trailer.Get("Grpc-Status") + w.Header().Get("Grpc-Status")
			if w.Code >= http.StatusInternalServerError && w.Code != http.StatusNotImplemented || status == "2" || status == "13" {
				t.Errorf("%s %s, %q: status %d, gRPC's %q: %s", r.Method, r.URL, kind, w.Code, status, w.Body)
			}
		}
	})
}
