package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// item is what a path answers: every method POST, those without side effects GET too.
type item struct {
	Post *operation `json:"post,omitempty"`
	Get  *operation `json:"get,omitempty"`
}

// operation is a method, as far as it is read here.
type operation struct {
	Tags        []string             `json:"tags"`
	Summary     string               `json:"summary"`
	Description string               `json:"description"`
	OperationID string               `json:"operationId"`
	Access      string               `json:"x-access"`
	SessionOnly bool                 `json:"x-session-only,omitempty"`
	Security    *[]security          `json:"security,omitempty"` // absent: the document's; empty: none
	Parameters  []parameter          `json:"parameters,omitempty"`
	RequestBody *body                `json:"requestBody,omitempty"`
	Responses   map[string]*response `json:"responses"`
}

// security names a scheme of the document's.
type security map[string][]struct{}

type parameter struct {
	Name     string          `json:"name"`
	In       string          `json:"in"`
	Required bool            `json:"required,omitempty"`
	Schema   json.RawMessage `json:"schema,omitempty"`
	Content  content         `json:"content,omitempty"`
}

type body struct {
	Content  content `json:"content"`
	Required bool    `json:"required"`
}

type response struct {
	Description string  `json:"description"`
	Content     content `json:"content"`
}

// content is a body by media type.
type content map[string]*media

type media struct {
	Schema  json.RawMessage `json:"schema"`
	Example json.RawMessage `json:"example,omitempty"`
}

// streamType is what a stream is told by: the one that can be written without protobuf.
const streamType = "application/connect+json"

func finishItem(m protoreflect.MethodDescriptor, raw json.RawMessage) (json.RawMessage, error) {
	if raw == nil {
		return nil, errors.New("not generated")
	}
	var it item
	in := json.NewDecoder(bytes.NewReader(raw))
	in.DisallowUnknownFields()
	if err := in.Decode(&it); err != nil {
		return nil, err
	}
	for _, op := range []*operation{it.Post, it.Get} {
		if op == nil {
			continue
		}
		if err := op.finish(m); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(it)
	return out.Bytes(), err
}

func (op *operation) finish(m protoreflect.MethodDescriptor) error {
	rule, ok := proto.GetExtension(m.Options(), paddockv1.E_Access).(*paddockv1.AccessRule)
	if !ok || rule.GetLevel() == paddockv1.AccessRule_LEVEL_UNSPECIFIED {
		return errors.New("no access rule")
	}
	op.Access = strings.ToLower(strings.TrimPrefix(rule.GetLevel().String(), "LEVEL_"))
	op.SessionOnly = rule.GetSessionOnly()
	switch {
	case rule.GetLevel() == paddockv1.AccessRule_LEVEL_PUBLIC:
		op.Security = &[]security{}
	case rule.GetSessionOnly():
		op.Security = &[]security{{"bearer": {}}}
	}
	example, err := exampleOf(m.Input())
	if err != nil {
		return err
	}
	op.describe(m, rule)
	if m.IsStreamingServer() {
		op.Description += "\n\n" + grpcurl(m, example)
	}
	op.Parameters = slices.DeleteFunc(op.Parameters, func(p parameter) bool {
		return p.Name != "message" && p.Name != "encoding"
	})
	for _, p := range op.Parameters {
		p.Content.finish(m, example)
	}
	if op.RequestBody != nil {
		op.RequestBody.Content.finish(m, example)
	}
	for _, r := range op.Responses {
		r.Content.finish(m, nil)
	}
	return nil
}

// describe splits the method's comment into a summary, its first sentence, and the rest, and says in both who may call.
func (op *operation) describe(m protoreflect.MethodDescriptor, rule *paddockv1.AccessRule) {
	comment := op.Description
	if op.Summary != string(m.Name()) { // the generator's when the comment has one paragraph
		comment = op.Summary + "\n\n" + op.Description
	}
	first, rest, _ := strings.Cut(sentence(comment, string(m.Name())), ".")
	access := map[paddockv1.AccessRule_Level]string{
		paddockv1.AccessRule_LEVEL_PUBLIC:    "anyone",
		paddockv1.AccessRule_LEVEL_SIGNED_IN: "signed in",
		paddockv1.AccessRule_LEVEL_USER:      "user",
		paddockv1.AccessRule_LEVEL_ADMIN:     "admin",
	}[rule.GetLevel()]
	op.Summary = strings.Join(strings.Fields(first), " ") + " · " + access
	if rule.GetSessionOnly() {
		access += ", with a session; not with an API key"
	}
	op.Description = strings.TrimSpace(fmt.Sprintf("**Access: %s.**\n\n%s", access, strings.TrimSpace(rest)))
}

// grpcurl is a command that calls a method which a page's form cannot.
func grpcurl(m protoreflect.MethodDescriptor, example json.RawMessage) string {
	return fmt.Sprintf("```\ngrpcurl -plaintext -H \"Authorization: Bearer $KEY\" -d '%s' localhost:8080 %s/%s\n```",
		example, m.Parent().FullName(), m.Name())
}

func (c content) finish(m protoreflect.MethodDescriptor, example json.RawMessage) {
	for name, body := range c {
		if m.IsStreamingServer() && name != streamType {
			delete(c, name)
		}
		body.Example = example
	}
}
