// Command manifests reads what deploys Paddock as the programs that it is written for do, checks it against their published schemas,
// and prints it as JSON.
//
//	manifests kubernetes DIR      builds a kustomization, for Kubernetes with the Gateway API and the Prometheus operator
//	manifests knative FILE        a service of Cloud Run, which is one of Knative
//	manifests compose FILE PROFILE...
//
// What is wrong goes to standard error, and the exit code is 1; it is 3 when the schemas cannot be had.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: manifests kubernetes DIR | knative FILE | compose FILE PROFILE...")
		os.Exit(2)
	}
	found, err := read(context.Background(), os.Args[1], os.Args[2], os.Args[3:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.Is(err, errNoSchemas) {
			os.Exit(3)
		}
		os.Exit(1)
	}
}

func read(ctx context.Context, kind, path string, profiles []string) (any, error) {
	switch kind {
	case "kubernetes":
		return kubernetes(ctx, path)
	case "knative":
		return knative(ctx, path)
	case "compose":
		return compose(ctx, path, profiles)
	}
	return nil, fmt.Errorf("no such kind of manifests: %s", kind)
}

// kubernetes returns the objects of the kustomization in a folder.
func kubernetes(ctx context.Context, dir string) (any, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, err
	}
	s := newSchemas(ctx)
	if err := errors.Join(
		s.addKubernetes("k8s.io/kubernetes@v1.37.2"),
		s.addCustom("sigs.k8s.io/gateway-api@v1.5.1", "config/crd/standard/*.yaml"),
		s.addCustom("github.com/prometheus-operator/prometheus-operator@v0.85.0", "example/prometheus-operator-crd/*.yaml"),
	); err != nil {
		return nil, err
	}
	var objects []map[string]any
	var faults []error
	for _, resource := range built.Resources() {
		object, err := resource.Map()
		if err != nil {
			return nil, err
		}
		if err := s.check(object); err != nil {
			faults = append(faults, fmt.Errorf("%s %s: %w", resource.GetKind(), resource.GetName(), err))
		}
		objects = append(objects, object)
	}
	return objects, errors.Join(faults...)
}

// knative returns the service in a file.
func knative(ctx context.Context, file string) (any, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	if err := yaml.UnmarshalStrict(text, &object); err != nil {
		return nil, err
	}
	s := newSchemas(ctx)
	if err := s.addCustom("knative.dev/serving@v0.51.0", "config/core/300-resources/service.yaml"); err != nil {
		return nil, err
	}
	return object, s.check(object)
}
