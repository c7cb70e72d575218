package telemetry

import (
	"cmp"
	"context"
	"net"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Scope is the name of the instrumentation that makes the spans.
const Scope = "github.com/paddock-gate/paddock"

var none trace.Span = noop.Span{}

// Start begins a span inside that of ctx's call. If the call is not traced, or has ended, it returns ctx and a span that records
// nothing: attributes that cost something to make are for one that IsRecording.
func Start(ctx context.Context, kind trace.SpanKind, name string) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, none
	}
	return parent.TracerProvider().Tracer(Scope).Start(ctx, name, trace.WithSpanKind(kind))
}

// Fail sets what went wrong, as one of few words.
func Fail(span trace.Span, errorType string) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(semconv.ErrorTypeKey.String(errorType))
	span.SetStatus(codes.Error, "")
}

// TraceID returns the id of ctx's trace as text, or "" if it is not kept.
func TraceID(ctx context.Context) string {
	c := trace.SpanContextFromContext(ctx)
	if !c.IsSampled() {
		return ""
	}
	return c.TraceID().String()
}

// ServerOf returns the attributes of a server by its host and port, and maybe a path.
func ServerOf(name string) []attribute.KeyValue {
	hostPort, _, _ := strings.Cut(name, "/")
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return []attribute.KeyValue{semconv.ServerAddress(hostPort)}
	}
	n, _ := strconv.Atoi(port)
	return []attribute.KeyValue{semconv.ServerAddress(host), semconv.ServerPort(n)}
}

// Operations of the conventions for generative AI.
const (
	Chat           = "chat"
	TextCompletion = "text_completion"
	Embeddings     = "embeddings"
)

// Model is the span of a model call, in terms of the conventions for generative AI.
type Model struct {
	trace.Span
	call *Call
}

// StartModel begins the span of a model call. Unless Call.GenAI is set, it records nothing.
func StartModel(ctx context.Context, operation, model string) (context.Context, Model) {
	c := From(ctx)
	if !c.GenAI {
		return ctx, Model{none, c}
	}
	ctx, span := Start(ctx, trace.SpanKindClient, operation)
	if !span.IsRecording() {
		return ctx, Model{none, c}
	}
	span.SetName(operation + " " + model)
	span.SetAttributes(
		semconv.GenAIOperationNameKey.String(operation),
		semconv.GenAIProviderNameKey.String("ollama"),
		semconv.GenAIRequestModel(model),
	)
	return ctx, Model{span, c}
}

// Finish ends the span with what is noted of the call, which is settled by then if it was admitted.
func (m Model) Finish() {
	if !m.IsRecording() {
		return
	}
	c := m.call
	all := []attribute.KeyValue{
		semconv.GenAIUsageInputTokens(int(c.PromptTokens)), semconv.GenAIUsageOutputTokens(int(c.CompletionTokens)),
	}
	if c.Upstream != "" {
		all = append(all, ServerOf(c.Upstream)...)
	}
	if c.ResponseModel != "" {
		all = append(all, semconv.GenAIResponseModel(c.ResponseModel))
	}
	if c.FinishReason != "" {
		all = append(all, semconv.GenAIResponseFinishReasons(c.FinishReason))
	}
	if c.FirstToken > 0 {
		all = append(all, semconv.GenAIResponseTimeToFirstChunk(c.FirstToken.Seconds()))
	}
	m.SetAttributes(all...)
	if c.Outcome == "" || c.Outcome == "failed" {
		Fail(m, cmp.Or(c.Outcome, "refused"))
	}
	m.End()
}
