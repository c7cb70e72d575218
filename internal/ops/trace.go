package ops

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/paddock-gate/paddock/internal/caller"
	"github.com/paddock-gate/paddock/internal/telemetry"
)

// Tracing makes the spans of requests and exports them over OTLP/HTTP, as the standard OTEL_* variables say. A nil Tracing makes none.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	genAI    bool
}

// NewTracing returns Tracing of the program's version. With genAI, model calls have spans in terms of the conventions for generative
// AI.
func NewTracing(ctx context.Context, version string, genAI bool) (*Tracing, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(semconv.ServiceName("paddock"), semconv.ServiceVersion(version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { slog.WarnContext(ctx, "spans are lost", "error", err) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return &Tracing{provider, provider.Tracer(telemetry.Scope, trace.WithInstrumentationVersion(version)), genAI}, nil
}

// Close exports the last spans.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// begin returns ctx, which is the request's, with a span, unless the request is a probe. A trace that a client names is linked to, never
// continued: clients could forge its id, and whether it is kept.
func (t *Tracing) begin(ctx context.Context, r *http.Request, seen *observation) (context.Context, trace.Span) {
	if t == nil || isProbe(r.URL.Path) {
		return ctx, trace.SpanFromContext(ctx)
	}
	seen.GenAI = t.genAI
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}
	theirs := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header)))
	if theirs.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: theirs}))
	}
	ctx, span := t.tracer.Start(ctx, methodOf(r), options...)
	seen.traceID = telemetry.TraceID(ctx)
	return ctx, span
}

// endSpan ends the span of a request with what it has come to.
func endSpan(span trace.Span, r *http.Request, seen *observation, sent int) {
	if !span.IsRecording() {
		return
	}
	c, route, method, status := caller.From(r.Context()), route(r), methodOf(r), seen.status(sent)
	span.SetName(method + " " + route)
	span.SetAttributes(
		semconv.HTTPRequestMethodKey.String(method),
		semconv.HTTPRoute(route),
		semconv.HTTPResponseStatusCode(status),
		semconv.NetworkProtocolVersion(strings.TrimSuffix(strings.TrimPrefix(r.Proto, "HTTP/"), ".0")),
		requestIDKey.String(c.RequestID),
	)
	if c.SignedIn() {
		span.SetAttributes(semconv.UserID(c.UserID.String()))
	}
	if name, ok := strings.CutPrefix(route, "/paddock.v1."); ok {
		system := semconv.RPCSystemNameConnectrpc
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			system = semconv.RPCSystemNameGRPC
		}
		span.SetAttributes(system, semconv.RPCMethod("paddock.v1."+name))
	}
	if label := seen.label(sent); status >= http.StatusInternalServerError {
		telemetry.Fail(span, label)
	} else if seen.code != 0 || status >= http.StatusBadRequest { // the client's doing
		span.SetAttributes(semconv.ErrorTypeKey.String(label))
	}
	span.End()
}

const requestIDKey = attribute.Key("paddock.request_id")

// methodOf returns the request's method, of which clients can make any number up.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "_OTHER"
}
