// Command apidoc finishes the OpenAPI description that protoc-gen-connect-openapi makes of the protos. It adds what that
// generator cannot know, each method's access rule and an example of each request; leaves out the headers and encodings
// that only Connect's own clients use; and puts the methods into the order of the protos:
//
//	go run ./internal/tools/apidoc internal/gen/openapi/openapi.json
//
// It replaces the file. `make generate` runs it.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: apidoc openapi.json")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "apidoc:", err)
		os.Exit(1)
	}
}

func run(file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	finished, err := finish(raw)
	if err != nil {
		return err
	}
	return os.WriteFile(file, finished, 0o644) //nolint:gosec // a source file, as public as the others
}

// document is an OpenAPI description, as far as it is read here.
type document struct {
	OpenAPI    string          `json:"openapi"`
	Info       json.RawMessage `json:"info"`
	Tags       []tag           `json:"tags"`
	Security   json.RawMessage `json:"security"`
	Paths      object          `json:"paths"`
	Components struct {
		SecuritySchemes json.RawMessage `json:"securitySchemes"`
		Schemas         object          `json:"schemas"`
	} `json:"components"`
}

// tag is a service.
type tag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// connectOnly are the schemas of what only Connect's own clients send.
var connectOnly = []string{"base64", "compression", "connect", "connect-protocol-version", "connect-timeout-header"}

func finish(raw []byte) ([]byte, error) {
	var doc document
	in := json.NewDecoder(bytes.NewReader(unindent(raw)))
	in.DisallowUnknownFields() // nothing of a newer generator's gets lost in silence
	if err := in.Decode(&doc); err != nil {
		return nil, err
	}
	generated := doc.Paths
	doc.Paths = nil
	for i, t := range doc.Tags {
		doc.Tags[i].Description = sentence(t.Description, t.Name)
		methods, err := methodsOf(t.Name)
		if err != nil {
			return nil, err
		}
		for _, m := range methods {
			path := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
			item, err := finishItem(m, generated.get(path))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			doc.Paths = append(doc.Paths, member{path, item})
		}
	}
	if len(doc.Paths) != len(generated) {
		return nil, fmt.Errorf("%d methods are generated, %d belong to the tags", len(generated), len(doc.Paths))
	}
	doc.Components.Schemas = slices.DeleteFunc(doc.Components.Schemas, func(m member) bool {
		return slices.Contains(connectOnly, m.name)
	})
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func methodsOf(service string) ([]protoreflect.MethodDescriptor, error) {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName("paddock.v1." + service))
	if err != nil {
		return nil, fmt.Errorf("tag %s: %w", service, err)
	}
	s, ok := d.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, fmt.Errorf("tag %s is no service", service)
	}
	var methods []protoreflect.MethodDescriptor
	for i := range s.Methods().Len() {
		methods = append(methods, s.Methods().Get(i))
	}
	return methods, nil
}

// unindent takes off the space that the lines of a comment begin with.
func unindent(raw []byte) []byte { return bytes.ReplaceAll(raw, []byte(`\n `), []byte(`\n`)) }

// sentence turns "GetUser answers one user." into "Answers one user.": what it is about stands beside it.
func sentence(comment, name string) string {
	rest, ok := strings.CutPrefix(comment, name+" ")
	if !ok || rest == "" {
		return comment
	}
	return strings.ToUpper(rest[:1]) + rest[1:]
}
