package relay

import (
	"errors"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/ollama"
)

// ErrModelIsRemote refuses a model that Ollama would run on ollama.com.
var ErrModelIsRemote = apierr.New(connect.CodePermissionDenied, apierr.ModelIsRemote,
	"this model runs outside of this organisation, which its administrators have not allowed")

// PublicError converts an upstream's error to the one that callers are shown.
func PublicError(e *ollama.Error) *connect.Error {
	switch {
	case errors.Is(e, ollama.ErrUnavailable):
		return apierr.Retry(connect.CodeUnavailable, apierr.UpstreamUnavailable, e.Message, e.RetryAfter)
	case errors.Is(e, ollama.ErrNotRead): // the client's doing, and no fault of the server
		return connect.NewError(connect.CodeCanceled, errors.New(e.Message))
	case errors.Is(e, ollama.ErrRemote):
		return ErrModelIsRemote
	case errors.Is(e, ollama.ErrModelNotFound):
		return apierr.New(connect.CodeNotFound, apierr.ModelNotFound, e.Message)
	case errors.Is(e, ollama.ErrNotServed):
		return apierr.New(connect.CodeNotFound, apierr.NotFoundReason, e.Message)
	case errors.Is(e, ollama.ErrBadRequest):
		return apierr.New(connect.CodeInvalidArgument, apierr.InvalidArgument, e.Message)
	}
	return apierr.Retry(connect.CodeUnavailable, apierr.UpstreamError, e.Message, time.Second)
}
