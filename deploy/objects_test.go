package deploy_test

import (
	"fmt"
	"strings"
	"testing"
)

// object is what the tests read of an object of Kubernetes.
type object struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Selector       any // matchLabels, or a Service's labels
		Template       template
		PodSelector    selector
		ScaleTargetRef struct{ Kind, Name string }
		Ports          []port
		Rules          []rule
		Endpoints      []struct{ Port, Path string }
		Ingress        []struct {
			From []struct{ PodSelector *selector }
		}
	}
}

type selector struct{ MatchLabels map[string]string }

type template struct {
	Metadata struct{ Labels map[string]string }
	Spec     podSpec
}

type podSpec struct {
	AutomountServiceAccountToken  *bool
	EnableServiceLinks            *bool
	TerminationGracePeriodSeconds int
	SecurityContext               struct {
		RunAsNonRoot   bool
		SeccompProfile struct{ Type string }
	}
	Containers []container
}

type container struct {
	Name, Image string
	Args        []string
	Ports       []port
	EnvFrom     []struct{ ConfigMapRef struct{ Name string } }
	Env         []struct {
		Name, Value string
		ValueFrom   *struct{ SecretKeyRef *struct{ Name, Key string } }
	}
	Resources                                   struct{ Limits struct{ Memory string } }
	StartupProbe, ReadinessProbe, LivenessProbe *probe
	SecurityContext                             struct {
		AllowPrivilegeEscalation *bool
		ReadOnlyRootFilesystem   bool
		Capabilities             struct{ Drop []string }
	}
}

type probe struct {
	HTTPGet struct {
		Path string
		Port any
	}
}

// port is one of a container or of a Service.
type port struct {
	Name                string
	ContainerPort, Port int
	TargetPort          string
}

// rule is one of an Ingress or of a route.
type rule struct {
	HTTP struct {
		Paths []struct {
			Backend struct {
				Service struct {
					Name string
					Port struct{ Name string }
				}
			}
		}
	}
	BackendRefs []struct {
		Name string
		Port int
	}
}

// find returns the object of the kind whose name begins so.
func find(t *testing.T, objects []object, kind, name string) object {
	t.Helper()
	for _, o := range objects {
		if o.Kind == kind && strings.HasPrefix(o.Metadata.Name, name) {
			return o
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return object{}
}

// labelsOf returns the labels that an object selects pods by; nil when it selects none.
func labelsOf(o object) map[string]string {
	if o.Kind == "NetworkPolicy" {
		return o.Spec.PodSelector.MatchLabels
	}
	all, _ := o.Spec.Selector.(map[string]any)
	if inner, ok := all["matchLabels"].(map[string]any); ok {
		all = inner
	}
	labels := map[string]string{}
	for name, value := range all {
		labels[name] = fmt.Sprint(value)
	}
	return labels
}

func contains(labels, wanted map[string]string) bool {
	for name, value := range wanted {
		if labels[name] != value {
			return false
		}
	}
	return true
}

// bytes reads a quantity of memory.
func bytes(t *testing.T, quantity string) int64 {
	t.Helper()
	var n int64
	var unit string
	if _, err := fmt.Sscanf(quantity, "%d%s", &n, &unit); err != nil {
		t.Fatalf("%q: %v", quantity, err)
	}
	units := map[string]int64{"Mi": 1 << 20, "Gi": 1 << 30}
	if units[unit] == 0 {
		t.Fatalf("%q has no unit that is known", quantity)
	}
	return n * units[unit]
}
