package rpc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/gen/paddock/v1/paddockv1connect"
)

// succeeding is a service of which every call succeeds.
type succeeding struct {
	paddockv1connect.UnimplementedAuthServiceHandler
	paddockv1connect.UnimplementedOllamaServiceHandler
}

func (succeeding) WhoAmI(context.Context, *paddockv1.WhoAmIRequest) (*paddockv1.WhoAmIResponse, error) {
	return &paddockv1.WhoAmIResponse{}, nil
}

func (succeeding) Login(context.Context, *paddockv1.LoginRequest) (*paddockv1.LoginResponse, error) {
	return &paddockv1.LoginResponse{}, nil
}

func (succeeding) Embed(context.Context, *paddockv1.EmbedRequest) (*paddockv1.EmbedResponse, error) {
	return &paddockv1.EmbedResponse{}, nil
}

// TestOptions_Requests: what reaches a handler, and what the client sees of the rest.
func TestOptions_Requests(t *testing.T) {
	options := Options()
	mux := http.NewServeMux()
	mux.Handle(paddockv1connect.NewAuthServiceHandler(succeeding{}, options...))
	mux.Handle(paddockv1connect.NewOllamaServiceHandler(succeeding{}, options...))
	const whoAmI, signIn, embed = paddockv1connect.AuthServiceWhoAmIProcedure, paddockv1connect.AuthServiceLoginProcedure, paddockv1connect.OllamaServiceEmbedProcedure
	const json, binary = "application/json", "application/proto"
	for name, c := range map[string]struct {
		procedure, kind, body string
		want                  string // in the response; "" means that it is the handler's
	}{
		"no body":              {whoAmI, json, "", ""},
		"empty object":         {whoAmI, json, "{}", ""},
		"charset":              {whoAmI, json + "; charset=utf-8", "{}", ""},
		"empty message":        {whoAmI, binary, "", ""},
		"unknown field":        {whoAmI, json, `{"nonsense":1}`, "nonsense: there is no such field in this request"},
		"unknown beside known": {signIn, json, `{"email":"a@example.com","nonsense":1}`, "nonsense: there is no such field in this request"},
		"malformed JSON":       {whoAmI, json, `{`, "unexpected"},
		"malformed message":    {whoAmI, binary, "\x0a\xff", "cannot parse"},
		"unknown binary field": {whoAmI, binary, "\x9a\x06\x01x", ""},
		"NUL":                  {signIn, json, `{"email":"a\u0000@example.com","password":"x"}`, "email: must not hold a NUL character"},
		"NUL for a model":      {embed, json, `{"input":["\u0000"]}`, ""},
		"broken rules":         {signIn, json, `{}`, `"field":"password"`},
	} {
		r := httptest.NewRequest(http.MethodPost, c.procedure, strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.kind)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		body, _ := io.ReadAll(w.Body)
		switch {
		case c.want == "" && w.Code != http.StatusOK:
			t.Errorf("%s: %d %s", name, w.Code, body)
		case c.want != "" && (w.Code != http.StatusBadRequest || !strings.Contains(string(body), c.want)):
			t.Errorf("%s: %d %s, want %s", name, w.Code, body, c.want)
		}
	}
}

// TestCheck_ManyBrokenRules: of a large message one broken rule is reported, of a small one all.
func TestCheck_ManyBrokenRules(t *testing.T) {
	for messages, want := range map[int]int{10: 10, 100_000: 1} {
		request := &paddockv1.ChatRequest{Messages: make([]*paddockv1.ChatMessage, messages)}
		for i := range request.GetMessages() {
			request.Messages[i] = &paddockv1.ChatMessage{}
		}
		invalid, ok := errors.AsType[*protovalidate.ValidationError](check(request))
		if !ok || len(invalid.Violations) != want {
			t.Errorf("%d messages: %d broken rules, want %d", messages, len(invalid.Violations), want)
		}
	}
}

// FuzzJSONCodec checks that a body of JSON is taken for what protojson reads, that a field that does not exist is never dropped in
// silence, and that what is told of a body that cannot be decoded is one readable line.
func FuzzJSONCodec(f *testing.F) {
	for _, s := range []string{`{"email":"a@b","password":"x"}`, `{"email":"a","nonsense":1}`, `{"email":1}`, `{"email":"\ud800"}`, `{"email":"a","email":"b"}`, "", "{}", "[]", `{"email":null} x`} {
		f.Add([]byte(s))
	}
	codec := jsonCodec("json")
	f.Fuzz(func(t *testing.T, body []byte) {
		var got, want, loose paddockv1.LoginRequest
		if err := codec.Unmarshal(body, &got); err != nil {
			t.Fatal(err) // connect-go would answer that by itself
		}
		told, err := undecoded(&got), protojson.Unmarshal(body, &want)
		if len(body) == 0 {
			err = nil
		}
		looseErr := protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, &loose)
		switch {
		case (told == nil) != (err == nil):
			t.Errorf("%q: %v, want %v", body, told, err)
		case told != nil && (!utf8.ValidString(told.Error()) || strings.ContainsAny(told.Error(), "\n\x00")):
			t.Errorf("%q: %q", body, told)
		case told == nil && !proto.Equal(&got, &want):
			t.Errorf("%q: %v, want %v", body, &got, &want)
		case told != nil && looseErr == nil && !strings.Contains(told.Error(), "no such field"):
			t.Errorf("%q: %v", body, told)
		case told == nil:
			wantSameAgain(t, codec, &got)
		}
	})
}

// FuzzBinaryCodec is the same for messages in protobuf's own encoding, which may have fields that do not exist.
func FuzzBinaryCodec(f *testing.F) {
	f.Add([]byte("\x0a\x03a@b\x12\x01x"))
	f.Add([]byte("\x0a\xff"))
	f.Add([]byte("\xfa\xff\xff\xff\x0f\x01x")) // the field in which the reason is left
	f.Fuzz(func(t *testing.T, body []byte) {
		var got, want paddockv1.LoginRequest
		if err := binaryCodec.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		told, err := undecoded(&got), proto.Unmarshal(body, &want)
		if err != nil && told == nil {
			t.Errorf("%q: no error, want %v", body, err)
		}
		if err == nil && told == nil {
			wantSameAgain(t, binaryCodec, &got)
		}
		if told != nil && !utf8.ValidString(told.Error()) {
			t.Errorf("%q: %q", body, told)
		}
	})
}

// FuzzCheckNUL checks that a NUL is found wherever it stands in a message, and nothing where there is none.
func FuzzCheckNUL(f *testing.F) {
	f.Add("user", "hi", "tiny-chat")
	f.Add("\x00", "", "")
	f.Fuzz(func(t *testing.T, role, content, stop string) {
		m := &paddockv1.ChatRequest{Model: role, Messages: []*paddockv1.ChatMessage{{Role: role, Content: content}}, Options: &paddockv1.ChatOptions{Stop: []string{stop}}}
		if got := checkNUL(m) != nil; got != strings.Contains(role+content+stop, "\x00") {
			t.Errorf("%q: %t", m, got)
		}
	})
}

// wantSameAgain wants a message to be the same when it has been encoded and decoded.
func wantSameAgain(t *testing.T, c codec, m proto.Message) {
	t.Helper()
	b, err := c.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	again := proto.Clone(m)
	proto.Reset(again)
	if err := c.Unmarshal(b, again); err != nil || undecoded(again) != nil || !proto.Equal(again, m) {
		t.Errorf("%v became %v, %v", m, again, err)
	}
}
