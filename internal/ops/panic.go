package ops

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
)

// afterPanic handles the value that a handler has panicked with, nil for none. If nothing has been written, it answers the client; else
// it reports that the connection must be aborted. http.ErrAbortHandler asks for that, and is not logged. It must be called by the
// deferred function that has recovered.
func afterPanic(rec *recorder, r *http.Request, seen *observation, panicked any) (abort bool) {
	switch {
	case panicked == nil:
		return false
	case panicked == http.ErrAbortHandler: //nolint:errorlint // compared as net/http does
		if seen.code == 0 {
			seen.code = connect.CodeUnknown
			if rec.clientGone || errors.Is(context.Cause(r.Context()), context.Canceled) {
				seen.code = connect.CodeCanceled
			}
		}
		return true
	}
	LogPanic(r.Context(), panicked)
	if rec.status == 0 {
		answerPanic(rec, r, seen)
	} else {
		abort = true
	}
	seen.code = connect.CodeInternal
	return abort
}

// answerPanic answers in the place of the handler, which may have set headers of its own response.
func answerPanic(w http.ResponseWriter, r *http.Request, seen *observation) {
	for _, name := range []string{
		"Content-Encoding", "Content-Length", "Content-Type", "Etag", "Last-Modified", "Location", "Set-Cookie", "X-Accel-Buffering",
	} {
		w.Header().Del(name)
	}
	w.Header().Set("Cache-Control", "no-store")
	if seen.refuse != nil {
		seen.refuse(w, r, apierr.ErrInternal)
		return
	}
	http.Error(w, apierr.ErrInternal.Message(), http.StatusInternalServerError)
}

// LogPanic logs the value that ctx's call has panicked with, and the stack of the goroutine.
func LogPanic(ctx context.Context, panicked any) {
	attrs := append(CallAttrs(ctx), slog.String("value", fmt.Sprint(panicked)), slog.String("stack", string(debug.Stack())))
	slog.LogAttrs(ctx, slog.LevelError, "panic", attrs...)
}
