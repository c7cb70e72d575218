package apptest_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
	"github.com/paddock-gate/paddock/internal/witness/witnesstest"
)

const observability = "../../deploy/observability/"

// alert is one of alerts.yaml.
type alert struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []alert }
	}
	must(t, yaml.Unmarshal(read(t, observability+"alerts.yaml"), &file))
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	return b
}

// dashboardQueries returns the queries of all panels, and of the dashboard's variables and annotations.
func dashboardQueries(t *testing.T) (all []string) {
	t.Helper()
	var dashboard any
	must(t, json.Unmarshal(read(t, observability+"dashboard.json"), &dashboard))
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				walk(one)
			}
		case map[string]any:
			for key, one := range v {
				text, ok := one.(string)
				switch {
				case ok && (key == "expr" || key == "query" && strings.Contains(text, "(")):
					all = append(all, text)
				case !ok:
					walk(one)
				}
			}
		}
	}
	walk(dashboard)
	if len(all) < 30 {
		t.Fatalf("the dashboard has %d queries", len(all))
	}
	return all
}

var (
	queriedMetric = regexp.MustCompile(`\b((?:paddock|process|go)_[a-z_]+)\b(?:\{([^}]*)\})?`)
	queriedLabel  = regexp.MustCompile(`([a-z]+)\s*[=!]~?"`)
)

// TestObservability_Metrics checks that the metrics and labels in the dashboard and the alerts are the server's.
func TestObservability_Metrics(t *testing.T) {
	t.Parallel()
	w := witnesstest.Start(t) // without which there are none of its metrics
	a := apptest.Start(t, storetest.SQLite(t), apptest.Env{"AUDIT_WITNESS_URL": w.URL, "AUDIT_WITNESS_KEY": w.Key})
	send(t, http.MethodPost, a.URL+"/api/chat", bearerOf(a.AdminKey), `{"model":"tiny-chat","messages":[{"role":"user","content":"hi"}]}`)
	labels := map[string]string{"job": "", "instance": ""} // those of each metric; the two are Prometheus's
	for line := range strings.Lines(metricsOf(t, a)) {
		if name, rest, _ := strings.Cut(line, "{"); !strings.HasPrefix(line, "#") {
			labels[strings.Fields(name)[0]] += "," + rest
		}
	}
	queries := dashboardQueries(t)
	for _, alert := range alerts(t) {
		queries = append(queries, alert.Expr)
	}
	for _, query := range queries {
		for _, use := range queriedMetric.FindAllStringSubmatch(query, -1) {
			series, ok := labels[use[1]]
			if !ok {
				t.Errorf("the server has no %s, which is asked for in %s", use[1], query)
			}
			for _, label := range queriedLabel.FindAllStringSubmatch(use[2], -1) {
				if _, ours := labels[label[1]]; !ours && !strings.Contains(series, ","+label[1]+"=") {
					t.Errorf("%s has no label %s, which is asked for in %s", use[1], label[1], query)
				}
			}
		}
	}
}

// TestObservability_Runbook checks that each alert says what it means, leads to its part of the runbook, and is tried by the tests of
// the rules; and that the runbook has no others.
func TestObservability_Runbook(t *testing.T) {
	t.Parallel()
	tests := string(read(t, observability+"alerts_test.yaml"))
	var headings, names []string
	for _, h := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllSubmatch(read(t, "../../docs/RUNBOOK.md"), -1) {
		headings = append(headings, string(h[1]))
	}
	for _, a := range alerts(t) {
		names = append(names, a.Alert)
		want := "https://github.com/paddock-gate/paddock/blob/main/docs/RUNBOOK.md#" + strings.ToLower(a.Alert)
		if got := a.Annotations["runbook_url"]; got != want {
			t.Errorf("%s: runbook_url %s, want %s", a.Alert, got, want)
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" || a.Labels["severity"] == "" {
			t.Errorf("%s lacks a summary, a description or a severity", a.Alert)
		}
		if !strings.Contains(tests, a.Alert) {
			t.Errorf("%s is not tried by alerts_test.yaml", a.Alert)
		}
	}
	if !slices.Equal(names, headings) {
		t.Errorf("alerts     %s\nin runbook %s", names, headings)
	}
}

// TestObservability_Rules runs promtool on the alerts and their tests, and on the dashboard's queries.
func TestObservability_Rules(t *testing.T) {
	t.Parallel()
	promtool := os.Getenv("PROMTOOL")
	if promtool == "" {
		promtool = "promtool"
	}
	if _, err := exec.LookPath(promtool); err != nil {
		t.Skipf("rules of Prometheus: not run: no promtool: scripts/ensure-promtool fetches it")
	}
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var panels []rule
	variables := strings.NewReplacer("$__rate_interval", "1m", "$job", "paddock", "$instance", ".*", "$model", ".*")
	for _, query := range dashboardQueries(t) {
		if !strings.HasPrefix(query, "label_values(") { // which is Grafana's own
			panels = append(panels, rule{"panel", variables.Replace(query)})
		}
	}
	file, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": panels}}})
	must(t, err)
	dashboard := filepath.Join(t.TempDir(), "dashboard.yaml")
	must(t, os.WriteFile(dashboard, file, 0o600))
	for _, args := range [][]string{
		{"check", "rules", "--lint=none", dashboard}, {"check", "rules", observability + "alerts.yaml"}, {"test", "rules", observability + "alerts_test.yaml"},
	} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
