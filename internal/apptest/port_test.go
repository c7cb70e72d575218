package apptest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
	"github.com/paddock-gate/paddock/internal/ollama/ollamatest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestPort_EveryProtocol calls a method of each kind over every protocol, HTTP version and codec.
func TestPort_EveryProtocol(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	person := a.NewPerson(t, "user")
	for _, version := range []struct {
		name   string
		client *http.Client
	}{{"HTTP/1.1", http1}, {"HTTP/2", http2}} {
		for name, options := range map[string][]connect.ClientOption{
			"Connect":           nil,
			"Connect, JSON":     {connect.WithProtoJSON()},
			"Connect, GET":      {connect.WithHTTPGet()},
			"Connect, GET JSON": {connect.WithHTTPGet(), connect.WithProtoJSON()},
			"gRPC":              {connect.WithGRPC()},
			"gRPC, JSON":        {connect.WithGRPC(), connect.WithProtoJSON()},
			"gRPC-Web":          {connect.WithGRPCWeb()},
			"gRPC-Web, JSON":    {connect.WithGRPCWeb(), connect.WithProtoJSON()},
		} {
			if strings.HasPrefix(name, "gRPC,") || name == "gRPC" {
				if version.client == http1 {
					continue // there is no gRPC without HTTP/2
				}
			}
			t.Run(version.name+" "+name, func(t *testing.T) {
				t.Parallel()
				ctx := t.Context()
				auth := connect.NewClient[paddockv1.WhoAmIRequest, paddockv1.WhoAmIResponse](version.client,
					a.URL+paddockv1connect.AuthServiceWhoAmIProcedure, append(options, connect.WithIdempotency(connect.IdempotencyNoSideEffects))...)
				req := connect.NewRequest(&paddockv1.WhoAmIRequest{})
				req.Header().Set("Authorization", "Bearer "+person.Key)
				who, err := auth.CallUnary(ctx, req)
				if err != nil || who.Msg.GetUser().GetId() != person.GetId() {
					t.Errorf("WhoAmI: %v, %v", who, err)
				}
				chat := connect.NewClient[paddockv1.ChatRequest, paddockv1.ChatResponse](version.client,
					a.URL+paddockv1connect.OllamaServiceChatProcedure, options...)
				ask := connect.NewRequest(&paddockv1.ChatRequest{
					Model: "tiny-chat", Messages: []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}},
				})
				ask.Header().Set("Authorization", "Bearer "+person.Token)
				stream, err := chat.CallServerStream(ctx, ask)
				must(t, err)
				defer stream.Close()
				said := ""
				for stream.Receive() {
					said += stream.Msg().GetContent()
				}
				if stream.Err() != nil || said != ollamatest.ChatAnswer {
					t.Errorf("Chat: %q, %v", said, stream.Err())
				}
			})
		}
	}
}

// TestReflection asks as grpcurl does.
func TestReflection(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	stream := grpcreflect.NewClient(http2, a.URL, connect.WithGRPC()).NewStream(t.Context())
	defer stream.Close()
	names, err := stream.ListServices()
	must(t, err)
	for _, m := range methods(t) {
		if !slices.Contains(names, m.Parent().FullName()) {
			t.Errorf("%s is not listed in %v", m.Parent().FullName(), names)
		}
	}
	for _, name := range names {
		files, err := stream.FileContainingSymbol(name)
		if err != nil || len(files) == 0 {
			t.Errorf("%s: no file, %v", name, err)
		}
	}
	if !slices.Contains(names, protoreflect.FullName("grpc.health.v1.Health")) {
		t.Errorf("health is not listed in %v", names)
	}

	off := apptest.Start(t, storetest.SQLite(t), apptest.Env{"GRPC_REFLECTION": "false"})
	closed := grpcreflect.NewClient(http2, off.URL, connect.WithGRPC()).NewStream(t.Context())
	defer closed.Close()
	if names, err := closed.ListServices(); err == nil {
		t.Errorf("switched off, it lists %v", names)
	}
}

// grpcHealth asks grpc.health.v1.Health/Check over gRPC and returns the status's number: 1 is serving.
func grpcHealth(ctx context.Context, a *apptest.App, service string) (byte, error) {
	c := connect.NewClient[raw, raw](http2, a.URL+"/grpc.health.v1.Health/Check", connect.WithGRPC(), connect.WithCodec(rawCodec("proto")))
	body := append([]byte{0x0a, byte(len(service))}, service...) // field 1, a string
	res, err := c.CallUnary(ctx, connect.NewRequest(&raw{body}))
	if err != nil {
		return 0, err
	}
	if b := res.Msg.bytes; len(b) == 2 && b[0] == 0x08 { // field 1, a number
		return b[1], nil
	}
	return 0, nil
}

func TestGRPCHealth(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	for _, service := range []string{"", paddockv1connect.AuthServiceName, paddockv1connect.OllamaServiceName} {
		if status, err := grpcHealth(t.Context(), a, service); err != nil || status != 1 {
			t.Errorf("%q: status %d, %v", service, status, err)
		}
	}
	if _, err := grpcHealth(t.Context(), a, "paddock.v1.NoService"); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("unknown service: %v", err)
	}
}

// TestOpenAPI_EveryMethod checks that the description covers every method as HTTP/JSON, in OpenAPI 3.1.
func TestOpenAPI_EveryMethod(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), nil)
	got := send(t, http.MethodGet, a.URL+"/openapi.json", nil, "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	must(t, json.Unmarshal([]byte(got.body), &doc))
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %q", doc.OpenAPI)
	}
	for _, m := range methods(t) {
		if doc.Paths[m.procedure()]["post"] == nil {
			t.Errorf("%s is not described", m.procedure())
		}
	}
	page := send(t, http.MethodGet, a.URL+"/docs", http.Header{"Accept": {"text/html"}}, "")
	if page.StatusCode != http.StatusOK || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
		t.Errorf("/docs: %d %v", page.StatusCode, page.Header)
	}
	if bytes.Contains([]byte(page.body), []byte("https://")) {
		t.Errorf("/docs loads from elsewhere: %s", page.body)
	}
}

// TestResponseHeaders checks the headers of every kind of answer: RPCs, their refusals, errors of the router, pages, probes.
func TestResponseHeaders(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"CORS_ALLOWED_ORIGINS": "https://page.example.com"})
	member := a.NewPerson(t, "user")
	who, chat := paddockv1connect.AuthServiceWhoAmIProcedure, paddockv1connect.OllamaServiceChatProcedure
	grpc := http.Header{"Content-Type": {"application/grpc-web+proto"}}
	preflight := http.Header{"Origin": {"https://page.example.com"}, "Access-Control-Request-Method": {"POST"}}
	for _, c := range []struct {
		name, method, path string
		header             http.Header
		body               string
		status             int
	}{
		{"RPC", "POST", who, bearerOf(a.AdminKey), "{}", 200},
		{"RPC by GET", "GET", who + "?encoding=json&message=%7B%7D", bearerOf(a.AdminKey), "", 200},
		{"refused", "POST", who, nil, "{}", 401},
		{"denied", "POST", deleteUser, bearerOf(member.Token), "{}", 403},
		{"invalid", "POST", deleteUser, bearerOf(a.AdminKey), "{}", 400},
		{"undecodable", "POST", deleteUser, bearerOf(a.AdminKey), "{", 400},
		{"too large", "POST", deleteUser, bearerOf(a.AdminKey), strings.Repeat(" ", 70_000), 429},
		{"gRPC-Web", "POST", who, grpc, "\x00\x00\x00\x00\x00", 200},
		{"stream refused", "POST", chat, http.Header{"Content-Type": {"application/connect+json"}}, "\x00\x00\x00\x00\x02{}", 200},
		{"wrong method", "PUT", who, bearerOf(a.AdminKey), "", 405},
		{"wrong type", "POST", who, http.Header{"Content-Type": {"text/plain"}, "Authorization": {"Bearer " + a.AdminKey}}, "{}", 415},
		{"no such method", "POST", "/paddock.v1.AuthService/Nothing", nil, "{}", 404},
		{"not found", "GET", "/nothing", nil, "", 404},
		{"redirect", "GET", "//healthz", nil, "", 307},
		{"front page", "GET", "/", nil, "", 200},
		{"docs", "GET", "/docs", nil, "", 200},
		{"openapi", "GET", "/openapi.json", nil, "", 200},
		{"healthz", "GET", "/healthz", nil, "", 200},
		{"readyz", "GET", "/readyz", nil, "", 200},
		{"metrics", "GET", "/metrics", nil, "", 200},
		{"preflight", "OPTIONS", who, preflight, "", 204},
	} {
		got := send(t, c.method, a.URL+c.path, c.header, c.body)
		if got.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d: %s", c.name, got.StatusCode, c.status, got.body)
		}
		csp := got.Header.Get("Content-Security-Policy")
		directives := strings.Split(strings.ReplaceAll(csp, "; ", ";"), ";")
		for _, want := range []string{"default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !slices.Contains(directives, want) {
				t.Errorf("%s: no %q in %q", c.name, want, csp)
			}
		}
		for _, d := range directives {
			scripts := strings.HasPrefix(d, "script-src") || strings.HasPrefix(d, "default-src")
			if scripts && strings.Contains(d, "unsafe") {
				t.Errorf("%s: %q", c.name, d)
			}
		}
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		} {
			if v := got.Header.Get(header); v != want {
				t.Errorf("%s: %s %q", c.name, header, v)
			}
		}
		if got.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: no request id", c.name)
		}
	}
}
