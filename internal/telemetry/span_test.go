package telemetry

import (
	"context"
	"fmt"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TestStart_NotTraced checks that spans cost a call that is not traced no memory.
func TestStart_NotTraced(t *testing.T) {
	ctx := With(t.Context(), &Call{Began: time.Now(), GenAI: true})
	allocated := testing.AllocsPerRun(100, func() {
		inner, span := Start(ctx, trace.SpanKindClient, "statement")
		_, model := StartModel(inner, Chat, "tiny-chat:latest")
		From(inner).Token()
		Fail(span, "failed")
		model.Finish()
		span.End()
		if TraceID(inner) != "" || span.IsRecording() {
			t.Error("the call is traced")
		}
	})
	if allocated > 0 {
		t.Errorf("%v allocations", allocated)
	}
}

func TestStart_AfterTheCall(t *testing.T) {
	ctx, call := sdktrace.NewTracerProvider().Tracer("test").Start(context.Background(), "call")
	_, during := Start(ctx, trace.SpanKindInternal, "work")
	call.End()
	_, after := Start(ctx, trace.SpanKindInternal, "work")
	if !during.IsRecording() || after.IsRecording() {
		t.Errorf("recorded during the call %t, after it %t", during.IsRecording(), after.IsRecording())
	}
}

func TestServerOf(t *testing.T) {
	for name, want := range map[string]string{
		"gpu:11434":        "[{server.address gpu} {server.port 11434}]",
		"gpu/ollama":       "[{server.address gpu}]",
		"[::1]:11434/a/b":  "[{server.address ::1} {server.port 11434}]",
		"models.internal.": "[{server.address models.internal.}]",
	} {
		got := ""
		for _, a := range ServerOf(name) {
			got += fmt.Sprintf(" {%s %s}", a.Key, a.Value.String())
		}
		if got = "[" + got[1:] + "]"; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
