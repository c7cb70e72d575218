package rpc

import (
	"context"
	"net/http"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/paddock-gate/paddock/internal/apierr"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ops"
)

// interceptor stands around the handler of every RPC: it checks each request before the handler sees it, recovers from panics,
// and passes every error through PublicError.
type interceptor struct{}

// WrapUnary implements [connect.Interceptor].
func (interceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (res connect.AnyResponse, err error) {
		defer func() { err = conclude(ctx, recover(), err) }()
		if err := check(req.Any()); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

// WrapStreamingHandler implements [connect.Interceptor].
func (interceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) (err error) {
		defer func() { err = conclude(ctx, recover(), err) }()
		return next(ctx, checkedConn{conn})
	}
}

// WrapStreamingClient implements [connect.Interceptor]; the server is no client.
func (interceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// conclude returns the error of a call that has panicked or returned err, for the client to see. A panic with
// http.ErrAbortHandler goes on to net/http.
func conclude(ctx context.Context, panicked any, err error) error {
	switch {
	case panicked == http.ErrAbortHandler: //nolint:errorlint // compared as net/http does
		panic(panicked)
	case panicked != nil:
		ops.LogPanic(ctx, panicked)
		err = apierr.ErrInternal
	case err == nil:
		return nil
	}
	return PublicError(ctx, err)
}

// checkedConn checks each message that it receives.
type checkedConn struct{ connect.StreamingHandlerConn }

// Receive implements [connect.StreamingHandlerConn].
func (c checkedConn) Receive(m any) error {
	if err := c.StreamingHandlerConn.Receive(m); err != nil {
		return err
	}
	return check(m)
}

// fullReport is the size, in bytes, up to which all broken rules of a message are reported. A large message can break millions, each of
// which takes a thousand times the memory of what was sent.
const fullReport = 4 << 10

// check returns an error if the message must not reach its handler: it could not be decoded, contains a NUL, or breaks the rules of
// its descriptor.
func check(m any) error {
	msg, err := messageOf(m)
	if err != nil {
		return err
	}
	if err := undecoded(msg); err != nil {
		return err
	}
	switch m.(type) {
	case *paddockv1.ChatRequest, *paddockv1.EmbedRequest: // not stored: models may be given any character
	default:
		if err := checkNUL(msg); err != nil {
			return err
		}
	}
	var options []protovalidate.ValidationOption
	if proto.Size(msg) > fullReport {
		options = append(options, protovalidate.WithFailFast())
	}
	return protovalidate.Validate(msg, options...)
}
