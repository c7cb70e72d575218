package ollama_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/ollama"
)

// TestABodyIsFreeWhenItWasSent, and not as long as the transport may still read it: because the upstream answers before
// that, or because the call was given up.
func TestABodyIsFreeWhenItWasSent(t *testing.T) {
	read := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var begin [16]byte
		_, _ = io.ReadFull(r.Body, begin[:])
		switch text := string(begin[:]); {
		case strings.Contains(text, "hang"):
			<-read
		case strings.Contains(text, "early"):
			_ = http.NewResponseController(w).EnableFullDuplex()
			_, _ = io.WriteString(w, `{"done":true}`)
			_ = http.NewResponseController(w).Flush()
			<-read
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	defer close(read)
	large := bytes.Repeat([]byte("x"), 16<<20) // more than the sockets between take
	for _, c := range []struct {
		name  string
		rest  []byte
		freed bool
	}{{"sent", nil, true}, {"large", large, true}, {"early", large, false}, {"hang", large, false}} {
		body := ollama.NewBody([]byte(`{"is":"`+c.name+`         "`), c.rest, []byte("}"))
		ctx, leave := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if c.freed {
			ctx = t.Context()
		}
		a, err := newClient(t, server.URL).Relay(ctx, ollama.Relay{Path: "api/chat", Model: "m:latest", Body: body})
		if err == nil {
			_, _ = a.Read(make([]byte, 1))
		}
		for wait := 0; c.freed && !body.Free() && wait < 1000; wait++ { // an answer may come a moment before that is noted
			time.Sleep(time.Millisecond)
		}
		if body.Free() != c.freed {
			t.Errorf("%s: free %t, %v", c.name, body.Free(), err)
		}
		if err == nil {
			a.Close()
		}
		leave()
	}
}
