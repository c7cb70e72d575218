package apptest_test

import (
	"bytes"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	h2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestKeepAlive_HTTP2 checks that pings are sent on the connection of an RPC whose model says nothing, so that no proxy in
// between takes it for dead. Connect and gRPC have nothing of their own that may be sent before a message.
func TestKeepAlive_HTTP2(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"STREAM_KEEP_ALIVE": "100ms"})
	a.Upstream.Script("tiny-chat", ollamatest.Hang())
	host := strings.TrimPrefix(a.URL, "http://")
	conn, err := net.Dial("tcp", host)
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = conn.Write([]byte(h2.ClientPreface))
	must(t, err)
	framer := h2.NewFramer(conn, conn)
	must(t, framer.WriteSettings())
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{
		{":method", http.MethodPost},
		{":scheme", "http"},
		{":authority", host},
		{":path", paddockv1connect.OllamaServiceChatProcedure},
		{"content-type", "application/connect+json"},
		{"authorization", "Bearer " + a.AdminKey},
	} {
		must(t, encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}))
	}
	must(t, framer.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}))
	message := `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`
	must(t, framer.WriteData(1, true, append([]byte{0, 0, 0, 0, byte(len(message))}, message...)))
	for pings := 0; pings < 3; {
		frame, err := framer.ReadFrame()
		must(t, err)
		switch frame := frame.(type) {
		case *h2.PingFrame:
			if !frame.IsAck() {
				pings++
				must(t, framer.WritePing(true, frame.Data))
			}
		case *h2.SettingsFrame:
			if !frame.IsAck() {
				must(t, framer.WriteSettingsAck())
			}
		case *h2.DataFrame, *h2.HeadersFrame, *h2.RSTStreamFrame, *h2.GoAwayFrame:
			t.Fatalf("after %d pings: %v", pings, frame)
		}
	}
	if n := len(a.Upstream.Posts()); n != 1 {
		t.Errorf("the model was asked %d times", n)
	}
}
