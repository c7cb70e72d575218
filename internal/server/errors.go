package server

import (
	"context"
	"errors"
	"log/slog"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/auth"
	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/fault"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/relay"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
)

// errInternal is all that a caller may know of our own faults.
var errInternal = fault.New(connect.CodeInternal, fault.Internal, "internal error")

// tell turns what went wrong into what the caller may know. Features return a Connect error where they know the answer;
// this is the one place that decides about the rest, and logs its cause with the request id.
func tell(ctx context.Context, err error) *connect.Error {
	if known, ok := errors.AsType[*connect.Error](err); ok && fault.ReasonOf(known) != "" {
		return known
	}
	if ended := context.Cause(ctx); ended != nil {
		switch {
		case errors.Is(ended, auth.ErrUnauthenticated):
			return auth.ErrUnauthenticated
		case errors.Is(ended, errDraining):
			return errDraining
		}
	}
	invalid := (*protovalidate.ValidationError)(nil)
	switch {
	case errors.As(err, &invalid):
		return fault.InvalidFields(violations(invalid)...)
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, errors.New("the call was cancelled"))
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return connect.NewError(connect.CodeDeadlineExceeded, errors.New("the call's deadline has passed"))
	}
	told := tellCause(err)
	attrs := []slog.Attr{slog.Any("error", err), slog.String("request_id", caller.From(ctx).RequestID)}
	slog.LogAttrs(ctx, severity(told.Code()), "call failed", append(attrs, observed(ctx)...)...)
	return told
}

// severity is that of our own failures, of those behind us, and of what the caller did wrong.
func severity(code connect.Code) slog.Level {
	switch code {
	case connect.CodeInternal:
		return slog.LevelError
	case connect.CodeUnavailable:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// tellCause is the switch for errors of the packages below.
func tellCause(err error) *connect.Error {
	upstream := (*ollama.Error)(nil)
	known := (*connect.Error)(nil)
	switch {
	case errors.Is(err, secret.ErrBusy):
		return fault.Retry(connect.CodeUnavailable, fault.HashingBusy, "too many sign-ins at once; try again", retryDefault)
	case errors.Is(err, store.ErrAway):
		return fault.Retry(connect.CodeUnavailable, fault.DatabaseUnavailable, "the database is unavailable; try again", retryDefault)
	case errors.As(err, &upstream):
		return relay.PublicError(upstream)
	case errors.As(err, &known) && known.Code() == connect.CodeInvalidArgument:
		return fault.Invalid("", known.Message())
	case errors.As(err, &known) && known.Code() != connect.CodeUnknown && known.Code() != connect.CodeInternal:
		return known // of the protocol's own
	}
	return errInternal
}

// retryDefault is told when nothing better is known.
const retryDefault = 1e9 // 1 s

// violations names the fields and the rules that they break, in the contract's terms.
func violations(e *protovalidate.ValidationError) []*fault.Violation {
	var all []*fault.Violation
	for _, v := range e.Violations {
		all = append(all, &fault.Violation{
			Field:       protovalidate.FieldPathString(v.Proto.GetField()),
			Description: v.Proto.GetMessage(),
			Reason:      v.Proto.GetRuleId(),
		})
	}
	return all
}

// errorInterceptor passes every error of every handler through tell.
type errorInterceptor struct{}

func (errorInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		err := received(req.Any())
		if err == nil {
			var res connect.AnyResponse
			if res, err = next(ctx, req); err == nil {
				return res, nil
			}
		}
		return nil, tell(ctx, err)
	}
}

func (errorInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		if err := next(ctx, decodedConn{conn}); err != nil {
			return tell(ctx, err)
		}
		return nil
	}
}

func (errorInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// decodedConn lets no message through that was not received as it should.
type decodedConn struct{ connect.StreamingHandlerConn }

func (c decodedConn) Receive(m any) error {
	if err := c.StreamingHandlerConn.Receive(m); err != nil {
		return err
	}
	return received(m)
}

// received tells what is wrong with a message before its own rules are asked.
func received(m any) error {
	if err := undecoded(m); err != nil {
		return err
	}
	switch m.(type) {
	case *paddockv1.ChatRequest, *paddockv1.EmbedRequest: // none of it is kept: models may be given any character
		return nil
	}
	return withoutNUL(m)
}
