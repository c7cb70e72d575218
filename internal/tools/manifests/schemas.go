package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

// errNoSchemas means that the module with the schemas could not be downloaded.
var errNoSchemas = errors.New("the schemas cannot be had")

// schemas are the published schemas of objects. They come from the Go modules that hold them, at pinned versions.
type schemas struct {
	ctx      context.Context
	compiler *jsonschema.Compiler
	// of is where to find the schema of an apiVersion and a kind.
	of map[[2]string]string
}

func newSchemas(ctx context.Context) *schemas {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4) // what OpenAPI 3.0 has come from
	return &schemas{ctx, c, map[[2]string]string{}}
}

// document is what is read of an OpenAPI document of Kubernetes.
type document struct {
	Components struct{ Schemas map[string]json.RawMessage }
}

// names are the objects that a schema in such a document is for.
type names struct {
	Kinds []struct{ Group, Version, Kind string } `json:"x-kubernetes-group-version-kind"`
}

// addKubernetes adds the OpenAPI documents of Kubernetes itself, one for each apiVersion.
func (s *schemas) addKubernetes(module string) error {
	files, err := s.files(module, "api/openapi-spec/v3/api*__v[12]_openapi.json")
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var d document
		if err := json.Unmarshal(text, &d); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := s.addDocument("kubernetes:///"+filepath.Base(file), d); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func (s *schemas) addDocument(address string, d document) error {
	all := map[string]any{}
	for name, text := range d.Components.Schemas {
		schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return err
		}
		forbidUnknown(schema)
		all[name] = schema
		var n names
		if err := json.Unmarshal(text, &n); err != nil {
			return err
		}
		for _, k := range n.Kinds {
			apiVersion := strings.TrimPrefix(k.Group+"/"+k.Version, "/")
			s.of[[2]string{apiVersion, k.Kind}] = address + "#/components/schemas/" + name
		}
	}
	return s.compiler.AddResource(address, map[string]any{"components": map[string]any{"schemas": all}})
}

// definition is what is read of a CustomResourceDefinition.
type definition struct {
	Kind string
	Spec struct {
		Group    string
		Names    struct{ Kind string }
		Versions []struct {
			Name   string
			Schema struct {
				OpenAPIV3Schema json.RawMessage `json:"openAPIV3Schema"`
			}
		}
	}
}

// addCustom adds the CustomResourceDefinitions in the files of a module. The rules in them that are not JSON Schema (CEL) are left out.
func (s *schemas) addCustom(module, pattern string) error {
	files, err := s.files(module, pattern)
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var d definition
		if err := yaml.Unmarshal(text, &d); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if d.Kind != "CustomResourceDefinition" {
			continue
		}
		for _, version := range d.Spec.Versions {
			schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(version.Schema.OpenAPIV3Schema))
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			forbidUnknown(schema)
			apiVersion := d.Spec.Group + "/" + version.Name
			address := "custom:///" + apiVersion + "/" + d.Spec.Names.Kind
			s.of[[2]string{apiVersion, d.Spec.Names.Kind}] = address
			if err := s.compiler.AddResource(address, schema); err != nil {
				return err
			}
		}
	}
	return nil
}

// check returns what is wrong with an object. The API server drops fields that it does not know; here they are faults.
func (s *schemas) check(object map[string]any) error {
	address, ok := s.of[[2]string{fmt.Sprint(object["apiVersion"]), fmt.Sprint(object["kind"])}]
	if !ok {
		return fmt.Errorf("no schema of %v %v", object["apiVersion"], object["kind"])
	}
	schema, err := s.compiler.Compile(address)
	if err != nil {
		return err
	}
	text, err := json.Marshal(object)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// forbidUnknown makes each object in the schema refuse fields that it does not name.
func forbidUnknown(schema any) {
	s, ok := schema.(map[string]any)
	if !ok {
		return
	}
	properties, _ := s["properties"].(map[string]any)
	for _, property := range properties {
		forbidUnknown(property)
	}
	forbidUnknown(s["items"])
	forbidUnknown(s["additionalProperties"])
	_, others := s["additionalProperties"]
	if len(properties) > 0 && !others && s["x-kubernetes-preserve-unknown-fields"] != true {
		s["additionalProperties"] = false
	}
}

// files returns the files of a module, name@version, that match a pattern.
func (s *schemas) files(module, pattern string) ([]string, error) {
	out, err := exec.CommandContext(s.ctx, "go", "mod", "download", "-json", module).Output()
	var downloaded struct{ Dir, Error string }
	if decodeErr := json.Unmarshal(out, &downloaded); decodeErr != nil || downloaded.Error != "" {
		return nil, fmt.Errorf("%w: %s: %w %s", errNoSchemas, module, errors.Join(err, decodeErr), downloaded.Error)
	}
	files, err := filepath.Glob(filepath.Join(downloaded.Dir, pattern))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s has no %s", module, pattern)
	}
	return files, err
}
