package deploy_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/server"
)

// each runs the test on the base and on each overlay, as `kubectl apply -k` would send it.
func each(t *testing.T, test func(t *testing.T, objects []object)) {
	overlays, err := filepath.Glob("kubernetes/overlays/*")
	if err != nil || len(overlays) == 0 {
		t.Fatal("no overlays", err)
	}
	for _, dir := range append(overlays, "kubernetes/base") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			test(t, read[[]object](t, nil, "kubernetes", dir))
		})
	}
}

func TestKubernetes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, objects []object) {
		deployment, job := find(t, objects, "Deployment", "paddock"), find(t, objects, "Job", "paddock-migrate-")
		serve, migrate := deployment.Spec.Template.Spec.Containers[0], job.Spec.Template.Spec.Containers[0]
		if serve.Image != migrate.Image || !strings.HasSuffix(serve.Image, "paddock:"+newestVersion(t)) {
			t.Errorf("images %s and %s, want version %s", serve.Image, migrate.Image, newestVersion(t))
		}
		if want := "paddock-migrate-" + newestVersion(t); job.Metadata.Name != want {
			t.Errorf("the migration is called %s, want %s", job.Metadata.Name, want)
		}
		if !slices.Equal(serve.Args, []string{"serve"}) || !slices.Equal(migrate.Args, []string{"migrate"}) {
			t.Errorf("commands %v, %v", serve.Args, migrate.Args)
		}
		checkServer(t, objects, deployment.Spec.Template.Spec)
		for _, o := range objects {
			switch o.Kind {
			case "Secret":
				t.Errorf("%s is a secret, and stands in a file", o.Metadata.Name)
			case "Deployment", "StatefulSet", "Job":
				checkRestricted(t, o)
			}
		}
		checkSelectors(t, objects)
		checkBackends(t, objects)
	})
}

// checkServer fails unless the server starts with its settings and ends in its time, and is probed where it answers.
func checkServer(t *testing.T, objects []object, pod podSpec) {
	t.Helper()
	c := pod.Containers[0]
	set := map[string]string{"ENVIRONMENT": "prod"} // as the image does
	for _, from := range c.EnvFrom {
		maps.Copy(set, find(t, objects, "ConfigMap", from.ConfigMapRef.Name).Data)
	}
	for _, e := range c.Env {
		set[e.Name] = cmp.Or(e.Value, secrets[e.Name])
	}
	cfg := checkSettings(t, "the Deployment", set)
	if most := time.Duration(pod.TerminationGracePeriodSeconds) * time.Second; most < stopping(cfg) {
		t.Errorf("it is killed after %v and needs %v", most, stopping(cfg))
	}
	// A quarter is for what Go's limit does not count.
	if limit := bytes(t, c.Resources.Limits.Memory); limit*3/4 < server.MemoryLimit(cfg.MaxModelBody) {
		t.Errorf("it may take %d bytes, and takes %d", limit, server.MemoryLimit(cfg.MaxModelBody))
	}
	ports := map[string]string{"http": ":8080", "metrics": cfg.MetricsAddr}
	for _, p := range c.Ports {
		if want := fmt.Sprintf(":%d", p.ContainerPort); ports[p.Name] != want {
			t.Errorf("port %s is %s, and it listens on %s", p.Name, want, ports[p.Name])
		}
	}
	for path, p := range map[string]*probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		if p == nil || p.HTTPGet.Path != path || p.HTTPGet.Port != "http" {
			t.Errorf("probe of %s: %+v", path, p)
		}
	}
}

// checkRestricted fails unless pods conform to the Pod Security Standard "restricted", and have nothing that tells them of the cluster.
func checkRestricted(t *testing.T, o object) {
	t.Helper()
	pod := o.Spec.Template.Spec
	if !pod.SecurityContext.RunAsNonRoot || pod.SecurityContext.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("%s %s: %+v", o.Kind, o.Metadata.Name, pod.SecurityContext)
	}
	if on := pod.AutomountServiceAccountToken; on == nil || *on {
		t.Errorf("%s %s has a token", o.Kind, o.Metadata.Name)
	}
	if on := pod.EnableServiceLinks; on == nil || *on {
		t.Errorf("%s %s has service links", o.Kind, o.Metadata.Name)
	}
	for _, c := range pod.Containers {
		s := c.SecurityContext
		if s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) {
			t.Errorf("%s %s: %+v", o.Kind, o.Metadata.Name, s)
		}
		if strings.Contains(c.Image, "paddock:") && !s.ReadOnlyRootFilesystem {
			t.Errorf("%s %s may write to its root", o.Kind, o.Metadata.Name)
		}
		for _, e := range c.Env {
			if _, secret := secrets[e.Name]; secret && (e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil) {
				t.Errorf("%s %s: %s stands in a file", o.Kind, o.Metadata.Name, e.Name)
			}
		}
	}
}

// checkSelectors fails for a selector that finds the pods of none or of several.
func checkSelectors(t *testing.T, objects []object) {
	t.Helper()
	for _, o := range objects {
		wanted := labelsOf(o)
		if len(wanted) == 0 {
			continue
		}
		var found []string
		for _, pods := range objects {
			if labels := pods.Spec.Template.Metadata.Labels; labels != nil && contains(labels, wanted) {
				found = append(found, pods.Kind+" "+pods.Metadata.Name)
			}
		}
		if len(found) != 1 && o.Kind != "ServiceMonitor" { // which selects Services
			t.Errorf("%s %s selects the pods of %v", o.Kind, o.Metadata.Name, found)
		}
	}
}

// checkBackends fails for a port of a Service that its pods do not have, and for a route, a scrape or a scale target that is not there.
func checkBackends(t *testing.T, objects []object) {
	t.Helper()
	service := find(t, objects, "Service", "paddock")
	names, numbers := map[string]bool{}, map[int]bool{}
	for _, p := range service.Spec.Ports {
		names[p.Name], numbers[p.Port] = true, true
		containers := find(t, objects, "Deployment", "paddock").Spec.Template.Spec.Containers
		if !slices.ContainsFunc(containers[0].Ports, func(c port) bool { return c.Name == p.TargetPort }) {
			t.Errorf("port %s leads to %s, which there is not", p.Name, p.TargetPort)
		}
	}
	for _, o := range objects {
		for _, e := range o.Spec.Endpoints {
			if !names[e.Port] || e.Path != "/metrics" {
				t.Errorf("scrapes %+v", e)
			}
		}
		for _, r := range o.Spec.Rules {
			for _, p := range r.HTTP.Paths {
				if s := p.Backend.Service; s.Name != "paddock" || !names[s.Port.Name] || s.Port.Name == "metrics" {
					t.Errorf("%s %s leads to %+v", o.Kind, o.Metadata.Name, s)
				}
			}
			for _, b := range r.BackendRefs {
				if b.Name != "paddock" || !numbers[b.Port] {
					t.Errorf("%s %s leads to %+v", o.Kind, o.Metadata.Name, b)
				}
			}
		}
		if target := o.Spec.ScaleTargetRef; o.Kind == "HorizontalPodAutoscaler" && (target.Kind != "Deployment" || target.Name != "paddock") {
			t.Errorf("it scales %+v", target)
		}
	}
}

func TestKubernetes_OllamaVersion(t *testing.T) {
	t.Parallel()
	objects := read[[]object](t, nil, "kubernetes", "kubernetes/overlays/gateway")
	want := "ollama/ollama:" + ollamaVersion(t)
	if got := find(t, objects, "StatefulSet", "ollama").Spec.Template.Spec.Containers[0].Image; got != want {
		t.Errorf("it is %s, and %s is the one that is tested", got, want)
	}
}

func TestKubernetes_OnlyPaddockReachesOllama(t *testing.T) {
	t.Parallel()
	objects := read[[]object](t, nil, "kubernetes", "kubernetes/overlays/gateway")
	policy := find(t, objects, "NetworkPolicy", "ollama")
	server := find(t, objects, "Deployment", "paddock").Spec.Template.Metadata.Labels
	if len(policy.Spec.Ingress) != 1 || len(policy.Spec.Ingress[0].From) != 1 {
		t.Fatalf("%+v", policy.Spec.Ingress)
	}
	if from := policy.Spec.Ingress[0].From[0].PodSelector; from == nil || len(from.MatchLabels) == 0 || !contains(server, from.MatchLabels) {
		t.Errorf("lets in %+v, and Paddock is %v", from, server)
	}
	if !contains(find(t, objects, "StatefulSet", "ollama").Spec.Template.Metadata.Labels, policy.Spec.PodSelector.MatchLabels) {
		t.Errorf("guards %v", policy.Spec.PodSelector)
	}
}

// TestKubernetes_Faults shows that the schemas are looked at.
func TestKubernetes_Faults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, old, mutated, says string }{
		{"deployment.yaml", "periodSeconds: 2", "periodSecond: 2", "periodSecond"},
		{"deployment.yaml", "failureThreshold: 60", "failureThreshold: many", "failureThreshold"},
		{"pdb.yaml", "policy/v1", "policy/v1beta1", "no schema of policy/v1beta1"},
		{"hpa.yaml", "  maxReplicas: 6\n", "", "maxReplicas"},
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("kubernetes/base")); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, c.file)
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), c.old) {
			t.Fatalf("%s has no %q: %v", c.file, c.old, err)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), c.old, c.mutated, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := manifests(t, nil, "kubernetes", dir); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s with %q: %v", c.file, c.mutated, err)
		}
	}
}
