package apptest_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
)

// streamWays are the ways to have an answer streamed: a body for a route of each dialect and how its stream ends, and RPC over
// each protocol.
var streamWays = map[string]struct {
	body, end string
	rpc       connect.ClientOption
}{
	"/api/chat":            {body: `{"model":"MODEL","messages":[{"role":"user","content":"hi"}]}`, end: `"done":true`},
	"/v1/chat/completions": {body: `{"model":"MODEL","stream":true,"messages":[{"role":"user","content":"hi"}]}`, end: "data: [DONE]"},
	"/v1/messages":         {body: `{"model":"MODEL","stream":true,"max_tokens":9999,"messages":[{"role":"user","content":"hi"}]}`, end: "event: message_stop"},
	"/v1/responses":        {body: `{"model":"MODEL","stream":true,"input":"hi"}`, end: "event: response.completed"},
	"Connect":              {rpc: connect.WithClientOptions()},
	"gRPC":                 {rpc: connect.WithGRPC()},
	"gRPC-Web":             {rpc: connect.WithGRPCWeb()},
}

// smallClient returns a client with a connection of its own and as little room as can be for what it has not read.
func smallClient(http2 bool) *http.Client {
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) })
	}}
	var p http.Protocols
	p.SetHTTP1(!http2)
	p.SetUnencryptedHTTP2(http2)
	return &http.Client{Transport: &http.Transport{
		DialContext: dialer.DialContext, DisableKeepAlives: !http2, Protocols: &p,
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10, MaxReceiveBufferPerConnection: 64 << 10},
	}}
}

// unread is a stream that nobody reads.
type unread struct {
	way   string
	rest  func() (said string, whole bool, err error) // reads it after all
	leave func()                                      // hangs up
}

// beginUnread has an answer streamed in that way, and reads nothing of it.
func beginUnread(ctx context.Context, t testing.TB, a *apptest.App, way, key, model string) unread {
	t.Helper()
	s := streamWays[way]
	client := smallClient(way == "gRPC")
	ctx, leave := context.WithCancel(ctx)
	u := unread{way: way, leave: func() {
		leave()
		client.CloseIdleConnections()
	}}
	if s.rpc != nil {
		u.rest = beginUnreadRPC(ctx, client, a, s.rpc, key, model)
		return u
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+way, strings.NewReader(strings.ReplaceAll(s.body, "MODEL", model)))
	must(t, err)
	req.Header = bearerOf(key)
	begun := make(chan *http.Response, 1)
	go func() {
		defer close(begun)
		res, err := client.Do(req) //nolint:bodyclose // rest does it, or the context's end
		if err == nil {
			begun <- res
		}
	}()
	u.rest = func() (said string, whole bool, err error) {
		res := <-begun
		if res == nil {
			return "", false, io.ErrUnexpectedEOF
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return string(text), strings.Contains(string(text), s.end), err
	}
	return u
}

// beginUnreadRPC begins a chat, and returns what reads the answer after all.
func beginUnreadRPC(ctx context.Context, client *http.Client, a *apptest.App, protocol connect.ClientOption, key, model string) (rest func() (string, bool, error)) {
	chat := connect.NewClient[paddockv1.ChatRequest, paddockv1.ChatResponse](client, a.URL+paddockv1connect.OllamaServiceChatProcedure, protocol)
	req := connect.NewRequest(&paddockv1.ChatRequest{Model: model, Messages: hi})
	req.Header().Set("Authorization", "Bearer "+key)
	begun := make(chan *connect.ServerStreamForClient[paddockv1.ChatResponse], 1)
	go func() {
		defer close(begun)
		if stream, err := chat.CallServerStream(ctx, req); err == nil {
			begun <- stream
		}
	}()
	return func() (said string, whole bool, err error) {
		stream := <-begun
		if stream == nil {
			return "", false, io.ErrUnexpectedEOF
		}
		defer stream.Close()
		var all strings.Builder
		for stream.Receive() {
			all.WriteString(stream.Msg().GetContent())
			whole = stream.Msg().GetDone()
		}
		return all.String(), whole, stream.Err()
	}
}
