package server

import (
	"context"
	"errors"
	"net/http"

	"connectrpc.com/connect"
)

// noteInterceptor tells observe how each call ended. It is outside of the others.
type noteInterceptor struct{}

func (i noteInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		res, err := next(ctx, req)
		i.note(ctx, err)
		return res, err
	}
}

func (i noteInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		err := next(ctx, conn)
		i.note(ctx, err)
		return err
	}
}

func (i noteInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (i noteInterceptor) note(ctx context.Context, err error) {
	told := (*connect.Error)(nil)
	if errors.As(err, &told) {
		note(ctx, told)
	}
}

// recoverInterceptor turns a panic into an error, so that its caller gets an answer and its stack a log line.
type recoverInterceptor struct{}

func (recoverInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (res connect.AnyResponse, err error) {
		defer func() { err = recovered(ctx, recover(), err) }()
		return next(ctx, req)
	}
}

func (recoverInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) (err error) {
		defer func() { err = recovered(ctx, recover(), err) }()
		return next(ctx, conn)
	}
}

func (recoverInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func recovered(ctx context.Context, panicked any, err error) error {
	if panicked == nil {
		return err
	}
	if panicked == http.ErrAbortHandler { //nolint:errorlint // compared as net/http does
		panic(panicked)
	}
	logPanic(ctx, panicked)
	return errInternal
}
