package ollama

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/paddock-gate/paddock/internal/telemetry"
)

// startSpan begins the span of an exchange. Its name has the path, of which there are few.
func (s *Server) startSpan(ctx context.Context, path string, body *Body) (context.Context, trace.Span) {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	ctx, span := telemetry.Start(ctx, trace.SpanKindClient, method)
	if span.IsRecording() {
		span.SetName(method + " /" + path)
		span.SetAttributes(semconv.HTTPRequestMethodKey.String(method), semconv.URLTemplate("/"+path))
		span.SetAttributes(telemetry.ServerOf(s.base.Host)...)
	}
	return ctx, span
}

func (a *Answer) noteStatus() {
	if !a.span.IsRecording() {
		return
	}
	a.span.SetAttributes(semconv.HTTPResponseStatusCode(a.Status))
	if a.Status >= http.StatusBadRequest {
		telemetry.Fail(a.span, strconv.Itoa(a.Status))
	}
}

// endSpan ends the span, with why the exchange broke off if it did. A second call does nothing.
func (a *Answer) endSpan(err error) {
	if !a.span.IsRecording() {
		return
	}
	if err != nil {
		telemetry.Fail(a.span, errorType(err))
	}
	a.span.End()
}

// errorType returns what kind of error broke an exchange off.
func errorType(err error) string {
	fault, ours := errors.AsType[*Error](err)
	switch {
	case !ours:
		return "canceled"
	case fault.TimedOut:
		return "timeout"
	case fault.Unserved:
		return "unreachable"
	}
	return "broken_off"
}
