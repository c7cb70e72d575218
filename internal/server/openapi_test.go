package server

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/gen/openapi"
)

func TestOpenAPIDescribesEveryServedMethodWithItsAccess(t *testing.T) {
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
	methods, _, err := allMethods()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range methods {
		operations, ok := doc.Paths[m.procedure]
		delete(doc.Paths, m.procedure)
		if !ok {
			t.Errorf("%s is served and not described; see services in buf.gen.yaml", m.procedure)
			continue
		}
		if _, ok := operations["get"]; ok == (m.sideEffects || m.streams) {
			t.Errorf("%s: described by GET: %v", m.procedure, ok)
		}
		for verb, op := range operations {
			level := strings.ToLower(strings.TrimPrefix(m.rule.GetLevel().String(), "LEVEL_"))
			if op.Access != level || op.SessionOnly != m.rule.GetSessionOnly() {
				t.Errorf("%s %s is described as %s, session only: %v", verb, m.procedure, op.Access, op.SessionOnly)
			}
		}
		for kind, body := range operations["post"].RequestBody.Content {
			if body.Example == nil {
				t.Errorf("%s (%s) has no example", m.procedure, kind)
			}
		}
	}
	for path := range doc.Paths {
		t.Errorf("%s is described and not served", path)
	}
}
