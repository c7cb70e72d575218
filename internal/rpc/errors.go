package rpc

import (
	"context"
	"errors"
	"log/slog"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/ops"
	"github.com/paddock-gate/paddock/internal/relay"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
)

// PublicError converts err to the error shown to the client, and notes it as the outcome of ctx's call. Features return a
// Connect error where they know the answer; PublicError decides about all others, and logs their cause with the request id.
func PublicError(ctx context.Context, err error) *connect.Error {
	public := convert(ctx, err)
	ops.NoteCode(ctx, public.Code())
	return public
}

func convert(ctx context.Context, err error) *connect.Error {
	for _, known := range []error{err, context.Cause(ctx)} { // a cause says why the call was ended
		if known, ok := errors.AsType[*connect.Error](known); ok && apierr.ReasonOf(known) != "" {
			return known
		}
	}
	invalid := (*protovalidate.ValidationError)(nil)
	switch {
	case errors.As(err, &invalid):
		return apierr.InvalidFields(violations(invalid)...)
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, errors.New("the call was cancelled"))
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return connect.NewError(connect.CodeDeadlineExceeded, errors.New("the call's deadline has passed"))
	}
	public := convertCause(err)
	slog.LogAttrs(ctx, severity(public.Code()), "call failed", append(ops.CallAttrs(ctx), slog.Any("error", err))...)
	return public
}

// severity returns the level at which an error is logged: our own failures, those of the upstream or database, the client's.
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

// convertCause converts the errors of the packages below.
func convertCause(err error) *connect.Error {
	upstream := (*ollama.Error)(nil)
	known := (*connect.Error)(nil)
	switch {
	case errors.Is(err, secret.ErrBusy):
		return apierr.Retry(connect.CodeUnavailable, apierr.HashingBusy, "too many sign-ins at once; try again", apierr.RetryDefault)
	case errors.Is(err, store.ErrAway):
		return apierr.Retry(connect.CodeUnavailable, apierr.DatabaseUnavailable, "the database is unavailable; try again", apierr.RetryDefault)
	case errors.As(err, &upstream):
		return relay.PublicError(upstream)
	case errors.As(err, &known) && known.Code() == connect.CodeInvalidArgument:
		return apierr.Invalid("", known.Message())
	case errors.As(err, &known) && known.Code() != connect.CodeUnknown && known.Code() != connect.CodeInternal:
		return known // the protocol's own
	}
	return apierr.ErrInternal
}

// violations converts the broken rules to the contract's terms.
func violations(e *protovalidate.ValidationError) []*apierr.Violation {
	var all []*apierr.Violation
	for _, v := range e.Violations {
		all = append(all, &apierr.Violation{
			Field:       protovalidate.FieldPathString(v.Proto.GetField()),
			Description: v.Proto.GetMessage(),
			Reason:      v.Proto.GetRuleId(),
		})
	}
	return all
}
