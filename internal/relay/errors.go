package relay

import (
	"errors"
	"time"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/fault"
	"github.com/paddock-gate/paddock/internal/ollama"
)

// ErrModelIsRemote refuses a model that Ollama would run on ollama.com.
var ErrModelIsRemote = fault.New(connect.CodePermissionDenied, fault.ModelIsRemote,
	"this model runs outside of this organisation, which its administrators have not allowed")

// PublicError converts an upstream's error to the one that callers are shown.
func PublicError(e *ollama.Error) *connect.Error {
	switch {
	case errors.Is(e, ollama.ErrUnavailable):
		return fault.Retry(connect.CodeUnavailable, fault.UpstreamUnavailable, e.Message, e.RetryAfter)
	case errors.Is(e, ollama.ErrRemote):
		return ErrModelIsRemote
	case errors.Is(e, ollama.ErrModelNotFound):
		return fault.New(connect.CodeNotFound, fault.ModelNotFound, e.Message)
	case errors.Is(e, ollama.ErrNotServed):
		return fault.New(connect.CodeNotFound, fault.NotFoundReason, e.Message)
	case errors.Is(e, ollama.ErrBadRequest):
		return fault.New(connect.CodeInvalidArgument, fault.InvalidArgument, e.Message)
	}
	return fault.Retry(connect.CodeUnavailable, fault.UpstreamError, e.Message, time.Second)
}
