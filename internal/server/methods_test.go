package server

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/door"
	"github.com/paddock-gate/paddock/internal/gen/openapi"
)

func TestMethods_OpenAPI(t *testing.T) {
	type operation struct {
		Access      string `json:"x-access"`
		SessionOnly bool   `json:"x-session-only"`
		RequestBody struct {
			Content map[string]struct {
				Example json.RawMessage `json:"example"`
			} `json:"content"`
		} `json:"requestBody"`
	}
	var doc struct {
		OpenAPI string                          `json:"openapi"`
		Paths   map[string]map[string]operation `json:"paths"`
	}
	if err := json.Unmarshal(openapi.JSON, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("OpenAPI %s", doc.OpenAPI)
	}
	methods, err := door.MethodsOf(services...)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range methods {
		operations, ok := doc.Paths[m.Procedure]
		delete(doc.Paths, m.Procedure)
		if !ok {
			t.Errorf("%s is served and not described; see services in buf.gen.yaml", m.Procedure)
			continue
		}
		if _, ok := operations["get"]; ok == (m.SideEffects || m.Streams) {
			t.Errorf("%s: described by GET: %v", m.Procedure, ok)
		}
		for verb, op := range operations {
			level := strings.ToLower(strings.TrimPrefix(m.Rule.GetLevel().String(), "LEVEL_"))
			if op.Access != level || op.SessionOnly != m.Rule.GetSessionOnly() {
				t.Errorf("%s %s is described as %s, session only: %v", verb, m.Procedure, op.Access, op.SessionOnly)
			}
		}
		for kind, body := range operations["post"].RequestBody.Content {
			if body.Example == nil {
				t.Errorf("%s (%s) has no example", m.Procedure, kind)
			}
		}
	}
	for path := range doc.Paths {
		t.Errorf("%s is described and not served", path)
	}
}

func TestMethods_Procedures(t *testing.T) {
	methods, err := door.MethodsOf(services...)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range methods {
		if !strings.HasPrefix(m.Procedure, "/paddock.v1.") || strings.Count(m.Procedure, "/") != 2 {
			t.Errorf("procedure %q", m.Procedure)
		}
	}
}
