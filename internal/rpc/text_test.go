package rpc

import (
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"connectrpc.com/connect"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

func TestCheckNUL_Paths(t *testing.T) {
	text := structpb.NewStringValue
	for _, c := range []struct {
		field string // "" if there is none
		m     proto.Message
	}{
		{"", &paddockv1.LoginRequest{Email: "a@b", Password: "\u202e \n"}},
		{"", &paddockv1.LogoutRequest{}},
		{"email", &paddockv1.LoginRequest{Email: "a\x00b"}},
		{"display_name", &paddockv1.UpdateUserRequest{DisplayName: new("\x00")}},
		{"roles[1]", &paddockv1.CreateUserRequest{Roles: []string{"user", "\x00"}}},
		{"messages[1].content", &paddockv1.ChatRequest{Messages: []*paddockv1.ChatMessage{{Content: "a"}, {Content: "b\x00"}}}},
		{"options.stop[0]", &paddockv1.ChatRequest{Options: &paddockv1.ChatOptions{Stop: []string{"\x00"}}}},
		{"roles.values[0].string_value", &paddockv1.UpdateUserRequest{Roles: &structpb.ListValue{Values: []*structpb.Value{text("\x00")}}}},
		{"fields", &structpb.Struct{Fields: map[string]*structpb.Value{"\x00": text("a")}}},
		{"fields", &structpb.Struct{Fields: map[string]*structpb.Value{"a": text("\x00")}}},
	} {
		err := checkNUL(c.m)
		if c.field == "" {
			if err != nil {
				t.Errorf("%v: %v", c.m, err)
			}
			continue
		}
		public, ok := err.(*connect.Error) //nolint:errorlint // not wrapped
		if !ok || public.Code() != connect.CodeInvalidArgument {
			t.Errorf("%q: error %v", c.field, err)
			continue
		}
		var fields []string
		for _, d := range public.Details() {
			m, _ := d.Value()
			if bad, ok := m.(*errdetails.BadRequest); ok {
				fields = append(fields, bad.GetFieldViolations()[0].GetField())
			}
		}
		if len(fields) != 1 || fields[0] != c.field {
			t.Errorf("fields %q, want %q", fields, c.field)
		}
	}
}

// BenchmarkCheckNUL: less than a microsecond for most calls.
func BenchmarkCheckNUL(b *testing.B) {
	for name, m := range map[string]proto.Message{
		"login":      &paddockv1.LoginRequest{Email: "ada@example.com", Password: "analytical engine"},
		"embed 4MiB": &paddockv1.EmbedRequest{Input: []string{strings.Repeat("x", 4<<20)}},
		"embed 2048": &paddockv1.EmbedRequest{Input: strings.Split(strings.Repeat("text ", 2048), " ")},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := checkNUL(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
