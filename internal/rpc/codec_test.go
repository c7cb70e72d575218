package rpc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"buf.build/go/protovalidate"

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
