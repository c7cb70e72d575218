package ops

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/fault"
)

// survive deals with what a handler has panicked with, nil for nothing. It answers the client if nothing has been written,
// and else reports that the connection must be broken off, which is all that can still be told. http.ErrAbortHandler asks
// for just that, and is no fault of ours. It must be called by the deferred function that has recovered.
func survive(rec *recorder, r *http.Request, seen *observation, panicked any) (breakOff bool) {
	switch {
	case panicked == nil:
		return false
	case panicked == http.ErrAbortHandler: //nolint:errorlint // compared as net/http does
		if seen.code == 0 {
			seen.code = connect.CodeUnknown
			if rec.gone || errors.Is(context.Cause(r.Context()), context.Canceled) {
				seen.code = connect.CodeCanceled
			}
		}
		return true
	}
	LogPanic(r.Context(), panicked)
	if rec.status == 0 {
		refusePanic(rec, r, seen)
	} else {
		breakOff = true
	}
	seen.code = connect.CodeInternal
	return breakOff
}

// refusePanic answers in the place of a handler that may have set headers of an answer of its own.
func refusePanic(w http.ResponseWriter, r *http.Request, seen *observation) {
	for _, name := range []string{
		"Content-Encoding", "Content-Length", "Content-Type", "Etag", "Last-Modified", "Location", "Set-Cookie", "X-Accel-Buffering",
	} {
		w.Header().Del(name)
	}
	w.Header().Set("Cache-Control", "no-store")
	if seen.refuse != nil {
		seen.refuse(w, r, fault.ErrInternal)
		return
	}
	http.Error(w, fault.ErrInternal.Message(), http.StatusInternalServerError)
}

// LogPanic writes what a call has panicked with, and the stack of its goroutine, to the log.
func LogPanic(ctx context.Context, panicked any) {
	attrs := append(CallAttrs(ctx), slog.String("value", fmt.Sprint(panicked)), slog.String("stack", string(debug.Stack())))
	slog.LogAttrs(ctx, slog.LevelError, "panic", attrs...)
}
