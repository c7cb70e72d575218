package ops_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/ops"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func TestMain(m *testing.M) {
	ops.WriteIdle = 500 * time.Millisecond
	os.Exit(m.Run())
}

var hi = []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}}

// TestRecorder_ClientReadsNothing: the client is cut off, and the upstream call with it.
func TestRecorder_ClientReadsNothing(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"Connect on HTTP/1.1", "gRPC on HTTP/2"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			a := apptest.Start(t, storetest.SQLite(t), nil)
			pieces := slices.Repeat([]string{strings.Repeat("x", 64<<10)}, 2000) // 128 MiB: more than any buffer on the way
			a.Upstream.Script("tiny-chat", ollamatest.Say(pieces...), ollamatest.Done("stop", 1, 1))
			if strings.HasPrefix(protocol, "gRPC") {
				stream, err := a.AsGRPC(a.AdminKey).Ollama.Chat(t.Context(), &paddockv1.ChatRequest{Model: "tiny-chat", Messages: hi})
				if err != nil {
					t.Fatal(err)
				}
				defer stream.Close()
			} else {
				conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				chat := `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`
				fmt.Fprintf(conn, "POST /paddock.v1.OllamaService/Chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/connect+json\r\n"+
					"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n\x00\x00\x00\x00%c%s", a.AdminKey, 5+len(chat), len(chat), chat)
			}
			for len(a.Upstream.To("/api/chat")) == 0 {
				time.Sleep(time.Millisecond)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := a.Upstream.WaitIdle(ctx); err != nil {
				t.Fatal("the model still works")
			}
			if r := a.Upstream.To("/api/chat")[0]; r.Aborted.IsZero() {
				t.Error("all of it was taken")
			}
		})
	}
}

// TestRecorder_PipelinedResponsesUnread: the deadline also holds for what net/http writes after the handler.
func TestRecorder_PipelinedResponsesUnread(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	_ = conn.SetWriteDeadline(time.Now().Add(time.Minute))
	for err == nil { // until the server, which cannot write, reads no more and closes
		_, err = io.WriteString(conn, strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n", 100))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the server still waits")
	}
}
