package main

import (
	"encoding/json"
	"strings"
	"testing"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

func TestObject_MemberOrder(t *testing.T) {
	const text = `{"z":1,"a":{"y":[],"b":"<"},"m":null}`
	var o object
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	again, err := o.MarshalJSON()
	if err != nil || string(again) != text {
		t.Errorf("got %s, %v", again, err)
	}
	if string(o.get("m")) != "null" || o.get("n") != nil {
		t.Errorf("get: %s, %s", o.get("m"), o.get("n"))
	}
	if empty, _ := (object{}).MarshalJSON(); string(empty) != "{}" {
		t.Errorf("empty: %s", empty)
	}
}

func TestExampleOf_EveryRequest(t *testing.T) {
	for _, service := range []string{"AuthService", "UserService", "CredentialService", "OllamaService", "AuditService"} {
		methods, err := methodsOf(service)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range methods {
			if _, err := exampleOf(m.Input()); err != nil {
				t.Errorf("%s: %v", m.FullName(), err)
			}
		}
	}
	if _, err := exampleOf((&paddockv1.User{}).ProtoReflect().Descriptor()); err == nil {
		t.Error("a message without an example passes")
	}
}

func TestFinish_UnknownParts(t *testing.T) {
	for name, doc := range map[string]string{
		"a member that is not known":  `{"openapi":"3.1.0","webhooks":{}}`,
		"a service that is not known": `{"openapi":"3.1.0","tags":[{"name":"GhostService"}]}`,
		"a method without a tag":      `{"openapi":"3.1.0","tags":[],"paths":{"/paddock.v1.UserService/GetUser":{}}}`,
		"a method not generated":      `{"openapi":"3.1.0","tags":[{"name":"UserService"}],"paths":{}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := finish([]byte(doc)); err == nil {
				t.Errorf("passes: %s", out)
			}
		})
	}
}

func TestFinishItem_Access(t *testing.T) {
	const generated = `{"post":{"tags":["AuthService"],"summary":"Logout","description":"Logout ends it.\nErrors: NONE.",
		"operationId":"AuthService_Logout","responses":{}}}`
	methods, err := methodsOf("AuthService")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range methods {
		if m.Name() != "Logout" {
			continue
		}
		raw, err := finishItem(m, json.RawMessage(generated))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`"summary":"Ends it · signed in"`, `**Access: signed in, with a session; not with an API key.**\n\nErrors: NONE.`,
			`"x-session-only":true`, `"security":[{"bearer":[]}]`,
		} {
			if !strings.Contains(string(raw), want) {
				t.Errorf("%s lacks %s", raw, want)
			}
		}
	}
}
