package apptest_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/paddock-gate/paddock/internal/apierr"
	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// rpc is a method with its descriptor.
type rpc struct{ protoreflect.MethodDescriptor }

func (m rpc) procedure() string { return "/" + string(m.Parent().FullName()) + "/" + string(m.Name()) }

func (m rpc) options() *descriptorpb.MethodOptions {
	options, _ := m.Options().(*descriptorpb.MethodOptions)
	return options
}

func (m rpc) rule() *paddockv1.AccessRule {
	rule, _ := proto.GetExtension(m.options(), paddockv1.E_Access).(*paddockv1.AccessRule)
	return rule
}

func (m rpc) sideEffects() bool {
	return m.options().GetIdempotencyLevel() != descriptorpb.MethodOptions_NO_SIDE_EFFECTS
}

// methods are those of every service in our protos.
func methods(t testing.TB) []rpc {
	t.Helper()
	var all []rpc
	protoregistry.GlobalFiles.RangeFilesByPackage("paddock.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			s := file.Services().Get(i)
			for j := range s.Methods().Len() {
				all = append(all, rpc{s.Methods().Get(j)})
			}
		}
		return true
	})
	if len(all) < 20 {
		t.Fatalf("only %d methods found", len(all))
	}
	return all
}

func methodOf(t testing.TB, procedure string) rpc {
	t.Helper()
	for _, m := range methods(t) {
		if m.procedure() == procedure {
			return m
		}
	}
	t.Fatalf("no method %s", procedure)
	return rpc{}
}

// protocol is a way to put bytes on the wire.
type protocol struct {
	name   string
	codec  string // "json", "proto"
	http2  bool
	option connect.ClientOption
}

var (
	connectJSON  = protocol{"connect+json", "json", false, connect.WithClientOptions()}
	connectProto = protocol{"connect+proto", "proto", false, connect.WithClientOptions()}
	grpcProto    = protocol{"grpc", "proto", true, connect.WithGRPC()}
	grpcWebProto = protocol{"grpc-web", "proto", false, connect.WithGRPCWeb()}
)

// raw is a message of bytes that need not mean anything.
type raw struct{ bytes []byte }

type rawCodec string

func (c rawCodec) Name() string { return string(c) }

func (rawCodec) Marshal(m any) ([]byte, error) { return m.(*raw).bytes, nil }

func (rawCodec) Unmarshal(b []byte, m any) error {
	if m, ok := m.(proto.Message); ok { // the status of a gRPC error
		return proto.Unmarshal(b, m)
	}
	m.(*raw).bytes = slices.Clone(b)
	return nil
}

var (
	http1 = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	http2 = func() *http.Client {
		var p http.Protocols
		p.SetUnencryptedHTTP2(true)
		return &http.Client{Transport: &http.Transport{Protocols: &p}}
	}()
)

// call sends a message of bytes with the headers and returns the last message of the answer.
func (p protocol) call(ctx context.Context, a *apptest.App, m rpc, header http.Header, body []byte) ([]byte, http.Header, error) {
	client := http1
	if p.http2 {
		client = http2
	}
	c := connect.NewClient[raw, raw](client, a.URL+m.procedure(), connect.WithCodec(rawCodec(p.codec)), p.option)
	req := connect.NewRequest(&raw{body})
	maps.Copy(req.Header(), header)
	if !m.IsStreamingServer() {
		res, err := c.CallUnary(ctx, req)
		if err != nil {
			return nil, metaOf(err), err
		}
		return res.Msg.bytes, res.Header(), nil
	}
	stream, err := c.CallServerStream(ctx, req)
	if err != nil {
		return nil, metaOf(err), err
	}
	defer stream.Close()
	var last []byte
	for stream.Receive() {
		last = stream.Msg().bytes
	}
	return last, stream.ResponseHeader(), stream.Err()
}

func metaOf(err error) http.Header {
	if told, ok := err.(*connect.Error); ok { //nolint:errorlint // clients return nothing else
		return told.Meta()
	}
	return nil
}

// bearerOf is the header of a caller with the credential; none for "".
func bearerOf(credential string) http.Header {
	h := http.Header{}
	if credential != "" {
		h.Set("Authorization", "Bearer "+credential)
	}
	return h
}

// verdict is what an answer comes down to: "ok", or the code and the reason.
type verdict string

func verdictOf(err error) verdict {
	if err == nil {
		return "ok"
	}
	return refused(connect.CodeOf(err), apptest.Reason(err))
}

func refused(code connect.Code, reason apierr.Reason) verdict {
	return verdict(fmt.Sprintf("%s %s", code, reason))
}

// wantToldProperly fails the test when the error breaks a promise that holds for every error: a reason of ours, no 5xx
// but those of something unavailable, a time to wait where waiting helps, and nothing of the inside.
func wantToldProperly(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	told, ok := err.(*connect.Error) //nolint:errorlint // clients return nothing else
	if !ok || apierr.ReasonOf(told) == "" {
		t.Errorf("error without a reason: %v", err)
		return
	}
	switch told.Code() {
	case connect.CodeUnknown, connect.CodeInternal, connect.CodeDataLoss:
		t.Errorf("answered status 500: %v", err)
	case connect.CodeUnavailable, connect.CodeResourceExhausted:
		if told.Meta().Get("Retry-After") == "" || detail[*errdetails.RetryInfo](told).GetRetryDelay().AsDuration() <= 0 {
			t.Errorf("error without a time to wait: %v, %v", err, told.Meta())
		}
	default:
	}
	for _, inside := range []string{"SQL", "sqlite", "pq:", "pgx", "goroutine", ".go:", "/tmp", "127.0.0.1", "SELECT"} {
		if strings.Contains(told.Message(), inside) {
			t.Errorf("error tells of the inside (%q): %v", inside, err)
		}
	}
}

// detail returns the error's detail of the type, or its zero value.
func detail[T proto.Message](err *connect.Error) (found T) {
	for _, d := range err.Details() {
		if m, e := d.Value(); e == nil {
			if m, ok := m.(T); ok {
				return m
			}
		}
	}
	return found
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// hi is what every chat begins with.
var hi = []*paddockv1.ChatMessage{{Role: "user", Content: "hi"}}
