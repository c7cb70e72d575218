package deploy_test

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestCloudRun(t *testing.T) {
	t.Parallel()
	o := read[struct {
		Spec struct {
			Template struct {
				Metadata struct{ Annotations map[string]string }
				Spec     struct{ Containers []container }
			}
		}
	}](t, nil, "knative", "cloudrun/service.yaml")
	c := o.Spec.Template.Spec.Containers[0]
	if !strings.HasSuffix(c.Image, "/paddock:"+newestVersion(t)) {
		t.Errorf("image %s, want version %s", c.Image, newestVersion(t))
	}
	set := map[string]string{"ENVIRONMENT": "prod"} // as the image does
	for _, e := range c.Env {
		set[e.Name] = cmp.Or(e.Value, secrets[e.Name])
		if _, secret := secrets[e.Name]; secret && (e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil) {
			t.Errorf("%s stands in a file", e.Name)
		}
	}
	if len(c.Ports) != 1 || c.Ports[0].ContainerPort != 8080 || c.Ports[0].Name != "h2c" {
		t.Errorf("ports %+v", c.Ports)
	}
	for path, p := range map[string]*probe{"/readyz": c.StartupProbe, "/healthz": c.LivenessProbe} {
		if p == nil || p.HTTPGet.Path != path {
			t.Errorf("probe of %s: %+v", path, p)
		}
	}
	const killed = 10 * time.Second // of Cloud Run
	if cfg := checkSettings(t, "the service", set); stopping(cfg) > killed {
		t.Errorf("it is killed after %v and needs %v", killed, stopping(cfg))
	}
	if o.Spec.Template.Metadata.Annotations["run.googleapis.com/cpu-throttling"] != "false" {
		t.Error("between calls it gets no CPU")
	}
}

// TestSystemd asks systemd itself whether the unit is right, and how much it leaves open.
func TestSystemd(t *testing.T) {
	t.Parallel()
	const unit = "systemd/paddock.service"
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	value := func(name string) string {
		match := regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindSubmatch(text)
		if match == nil {
			t.Fatalf("no %s", name)
		}
		return string(match[1])
	}
	set := map[string]string{}
	for pair := range strings.FieldsSeq(value("Environment")) {
		name, v, _ := strings.Cut(pair, "=")
		set[name] = v
	}
	set["JWT_SECRET"] = secrets["JWT_SECRET"] // of /etc/paddock/paddock.env
	cfg := checkSettings(t, "the unit", set)
	if want := "/var/lib/" + value("StateDirectory"); set["DATA_DIR"] != want {
		t.Errorf("DATA_DIR is %s, and %s is what it may write to", set["DATA_DIR"], want)
	}
	if most, err := time.ParseDuration(value("TimeoutStopSec")); err != nil || most < stopping(cfg) {
		t.Errorf("it is killed after %v and needs %v (%v)", most, stopping(cfg), err)
	}

	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd: not run: systemd-analyze is not installed")
	}
	// A program that is there, in the place of one that is installed.
	copied := filepath.Join(t.TempDir(), "paddock.service")
	installed := strings.Replace(string(text), "/usr/local/bin/paddock", "/bin/true", 1)
	if err := os.WriteFile(copied, []byte(installed), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify", copied}, {"security", "--offline=true", "--threshold=20", copied}} {
		if out, err := exec.CommandContext(t.Context(), "systemd-analyze", args...).CombinedOutput(); err != nil {
			t.Errorf("systemd-analyze %v: %v\n%s", args, err, out)
		}
	}
}
