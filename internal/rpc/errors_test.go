package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/internal/apierr"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/ollama"
	"github.com/paddock-gate/paddock/internal/ops"
	"github.com/paddock-gate/paddock/internal/secret"
	"github.com/paddock-gate/paddock/internal/store"
)

// failing is a service of which every call fails.
type failing struct {
	paddockv1connect.UnimplementedAuthServiceHandler
	paddockv1connect.UnimplementedOllamaServiceHandler
	fail func() error
}

func (f failing) WhoAmI(context.Context, *paddockv1.WhoAmIRequest) (*paddockv1.WhoAmIResponse, error) {
	return nil, f.fail()
}

func (f failing) Chat(context.Context, *paddockv1.ChatRequest, *connect.ServerStream[paddockv1.ChatResponse]) error {
	return f.fail()
}

// TestInterceptor_HidesCauses: the client sees no more than the contract allows, and the log has everything, the stack included.
func TestInterceptor_HidesCauses(t *testing.T) {
	var log bytes.Buffer
	previous := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(previous)

	valid := &paddockv1.ChatRequest{Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}}}
	const inside = "canary: SELECT secret FROM users at /var/lib/app 10.0.0.3:5432"
	for _, c := range []struct {
		name   string
		fail   func() error
		code   connect.Code
		reason apierr.Reason
	}{
		{"unknown error", func() error { return errors.New(inside) }, connect.CodeInternal, apierr.Internal},
		{"foreign Connect error", func() error { return connect.NewError(connect.CodeUnknown, errors.New(inside)) }, connect.CodeInternal, apierr.Internal},
		{"panic", func() error { panic(inside) }, connect.CodeInternal, apierr.Internal},
		{"database away", func() error { return fmt.Errorf("%w: %s", store.ErrAway, inside) }, connect.CodeUnavailable, apierr.DatabaseUnavailable},
		{"hashing busy", func() error { return fmt.Errorf("%s: %w", inside, secret.ErrBusy) }, connect.CodeUnavailable, apierr.HashingBusy},
		{"upstream failed", func() error {
			return fmt.Errorf("%s: %w", inside, &ollama.Error{Kind: ollama.ErrFailed, Message: "the model failed"})
		}, connect.CodeUnavailable, apierr.UpstreamError},
		{"wrapped fault", func() error { return fmt.Errorf("%s: %w", inside, apierr.NotFound("user")) }, connect.CodeNotFound, apierr.NotFoundReason},
	} {
		mux := http.NewServeMux()
		interceptors := connect.WithInterceptors(interceptor{})
		mux.Handle(paddockv1connect.NewAuthServiceHandler(failing{fail: c.fail}, interceptors))
		mux.Handle(paddockv1connect.NewOllamaServiceHandler(failing{fail: c.fail}, interceptors))
		server := httptest.NewServer(mux)
		log.Reset()
		_, unary := paddockv1connect.NewAuthServiceClient(server.Client(), server.URL).WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{})
		stream, streamed := paddockv1connect.NewOllamaServiceClient(server.Client(), server.URL).Chat(t.Context(), valid)
		if streamed == nil {
			for stream.Receive() {
			}
			streamed = stream.Err()
		}
		for kind, err := range map[string]error{"unary": unary, "streamed": streamed} {
			public, ok := err.(*connect.Error) //nolint:errorlint // clients return nothing else
			if !ok || public.Code() != c.code || apierr.ReasonOf(public) != c.reason {
				t.Errorf("%s, %s: %v", c.name, kind, err)
			}
			if strings.Contains(fmt.Sprint(err), "canary") {
				t.Errorf("%s, %s: the client sees %v", c.name, kind, err)
			}
		}
		res, err := http.Post(server.URL+paddockv1connect.AuthServiceWhoAmIProcedure, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if bytes.Contains(body, []byte("canary")) || bytes.Contains(body, []byte(".go")) {
			t.Errorf("%s: the body is %s", c.name, body)
		}
		server.Close()
		if c.reason != apierr.NotFoundReason && !strings.Contains(log.String(), "canary") {
			t.Errorf("%s: not in the log: %s", c.name, log.String())
		}
		if c.name == "panic" && !strings.Contains(log.String(), "errors_test.go") {
			t.Errorf("no stack in the log: %s", log.String())
		}
	}
}

// TestPublicError_LogLevel: the level says whose failure it was, and the line which call.
func TestPublicError_LogLevel(t *testing.T) {
	var log bytes.Buffer
	previous := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(previous)
	figures := ops.NewMetrics("", nil, nil, func() int { return 0 })
	for level, err := range map[string]error{
		"INFO":  &ollama.Error{Kind: ollama.ErrModelNotFound, Message: "model 'nope' not found"},
		"WARN":  &ollama.Error{Kind: ollama.ErrUnavailable, Message: "the model server cannot be reached"},
		"ERROR": errors.New("a bug"),
	} {
		log.Reset()
		ops.Observe(slog.New(slog.DiscardHandler), figures, nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			PublicError(r.Context(), err)
		})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/api/chat", nil))
		for _, want := range []string{`"level":"` + level + `"`, `"method":"POST"`, `"path":"/api/chat"`} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%v: the log lacks %s: %s", err, want, log.String())
			}
		}
	}
}
