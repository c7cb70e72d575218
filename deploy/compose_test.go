package deploy_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/config"
)

// project is what the tests read of a Compose project.
type project struct {
	Services map[string]struct {
		Image       string
		Command     []string
		Environment map[string]string
		DependsOn   map[string]struct{ Condition string } `json:"depends_on"`
		Ports       []struct {
			HostIP string `json:"host_ip"`
			Target int
		}
		Networks        map[string]any
		ReadOnly        bool     `json:"read_only"`
		CapDrop         []string `json:"cap_drop"`
		StopGracePeriod string   `json:"stop_grace_period"`
	}
}

// compose reads compose.yaml as `docker compose` does, in the environment alone: a .env of one's own has no part in it.
func compose(t *testing.T, environment []string, profiles ...string) project {
	t.Helper()
	return read[project](t, append(environment, "COMPOSE_DISABLE_ENV_FILE=true"), append([]string{"compose", "../compose.yaml"}, profiles...)...)
}

func TestCompose_Production(t *testing.T) {
	t.Parallel()
	p := compose(t, []string{
		"DB_PASSWORD=" + secrets["DB_PASSWORD"], "JWT_SECRET=" + secrets["JWT_SECRET"], "AUDIT_SIGNING_KEY=" + auditKey, "VERSION=" + newestVersion(t),
	}, "production")
	if len(p.Services) != 3 {
		t.Errorf("services %v", p.Services)
	}
	server, migrate := p.Services["paddock"], p.Services["migrate"]
	if got := server.DependsOn["migrate"].Condition; got != "service_completed_successfully" {
		t.Errorf("the server starts when the migration is %q", got)
	}
	if got := migrate.DependsOn["postgres"].Condition; got != "service_healthy" {
		t.Errorf("the migration starts when PostgreSQL is %q", got)
	}
	if want := "paddock:" + newestVersion(t); server.Image != want || migrate.Image != want || !slices.Equal(migrate.Command, []string{"migrate"}) {
		t.Errorf("images %s and %s, want %s; command %v", server.Image, migrate.Image, want, migrate.Command)
	}
	settings := func(environment map[string]string) config.Config {
		set := map[string]string{"ENVIRONMENT": "prod"} // as the image does
		maps.Copy(set, environment)
		return checkSettings(t, "compose.yaml", set)
	}
	settings(migrate.Environment)
	cfg := settings(server.Environment)
	if most, err := time.ParseDuration(server.StopGracePeriod); err != nil || most < stopping(cfg) {
		t.Errorf("it is killed after %v and needs %v (%v)", most, stopping(cfg), err)
	}
	for name, s := range p.Services {
		if strings.HasPrefix(s.Image, "paddock:") && (!s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"})) {
			t.Errorf("%s may write to its root: %+v", name, s)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" || port.Target != 8080 {
				t.Errorf("%s publishes %+v", name, port)
			}
		}
	}
}

// TestCompose_Development needs nothing that somebody would have to fill in.
func TestCompose_Development(t *testing.T) {
	t.Parallel()
	p := compose(t, nil, "development")
	if len(p.Services) != 1 {
		t.Errorf("services %v", p.Services)
	}
	server := p.Services["paddock-dev"]
	if cfg := checkSettings(t, "paddock-dev", server.Environment); !slices.Equal(cfg.AllowedHosts, []string{"localhost"}) {
		t.Errorf("with a password that everybody knows it is served by the names %v", cfg.AllowedHosts)
	}
	if len(server.Ports) != 1 || server.Ports[0].HostIP != "127.0.0.1" {
		t.Errorf("with a password that everybody knows it publishes %+v", server.Ports)
	}
}

func TestCompose_Ollama(t *testing.T) {
	t.Parallel()
	p := compose(t, nil, "production", "ollama")
	for name, s := range p.Services {
		_, reaches := s.Networks["models"]
		if ours := name == "paddock" || strings.HasPrefix(name, "ollama"); reaches != ours {
			t.Errorf("%s reaches Ollama: %v", name, reaches)
		}
		if strings.HasPrefix(name, "ollama") && len(s.Ports) > 0 {
			t.Errorf("%s is published: %v", name, s.Ports)
		}
		if want := "ollama/ollama:" + ollamaVersion(t); strings.HasPrefix(name, "ollama") && s.Image != want {
			t.Errorf("%s is %s, and %s is the one that is tested", name, s.Image, want)
		}
	}
	models := p.Services["ollama-models"]
	if models.DependsOn["ollama"].Condition != "service_healthy" || models.Environment["MODELS"] == "" {
		t.Errorf("%+v", models)
	}
}

// TestCompose_NoSecrets: what is secret comes from the environment; without one there is none.
func TestCompose_NoSecrets(t *testing.T) {
	t.Parallel()
	for name, s := range compose(t, nil, "production").Services {
		for variable, value := range s.Environment {
			if strings.Contains(variable, "PASSWORD") && !strings.HasSuffix(variable, "_FORCE") || strings.Contains(variable, "SECRET") {
				if value != "" {
					t.Errorf("%s: %s stands in compose.yaml", name, variable)
				}
			}
		}
	}
}

// TestCompose_Example: every variable of compose.yaml is explained in .env.example, and the other way round.
func TestCompose_Example(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("../compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	explained := map[string]bool{"VERSION": true, "COMPOSE_PROFILES": true} // of the build, and of Compose itself
	for line := range strings.Lines(string(example)) {
		if name, _, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			explained[name] = true
			if name != "COMPOSE_PROFILES" && !strings.Contains(string(file), "${"+name+":-") {
				t.Errorf("compose.yaml has no %s", name)
			}
		}
	}
	for i, part := range strings.Split(string(file), "${") {
		if name, _, _ := strings.Cut(part, ":-"); i > 0 && !explained[name] {
			t.Errorf(".env.example does not explain %s", name)
		}
	}
}
