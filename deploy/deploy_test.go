// Package deploy_test holds what deploys Paddock against the program: its settings, ports, routes, limits and versions; and against the
// published schemas of what it is written for.
package deploy_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/paddock-gate/paddock/internal/config"
)

// tool builds internal/tools/manifests once. It returns why not when its modules cannot be had.
var tool = sync.OnceValues(func() (program, why string) {
	dir, err := os.MkdirTemp("", "manifests")
	if err != nil {
		return "", err.Error()
	}
	module := filepath.Join("..", "internal", "tools", "manifests")
	if out, err := exec.Command("go", "mod", "download", "-C", module).CombinedOutput(); err != nil {
		return "", strings.TrimSpace(string(out))
	}
	program = filepath.Join(dir, "manifests")
	out, err := exec.Command("go", "build", "-C", module, "-o", program, ".").CombinedOutput()
	if err != nil {
		return "", "it does not build: " + string(out)
	}
	return program, ""
})

func TestMain(m *testing.M) {
	code := m.Run()
	if program, _ := tool(); program != "" {
		_ = os.RemoveAll(filepath.Dir(program))
	}
	os.Exit(code)
}

// manifests runs the tool in the environment and returns what it prints, or why it fails.
func manifests(t *testing.T, environment []string, args ...string) ([]byte, error) {
	t.Helper()
	program, why := tool()
	if program == "" {
		if strings.HasPrefix(why, "it does not build") {
			t.Fatal(why)
		}
		t.Skipf("manifests: not run: %s", why)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), environment...)
	out, err := cmd.Output()
	var failed *exec.ExitError
	if !errors.As(err, &failed) {
		return out, err
	}
	if failed.ExitCode() == 3 {
		t.Skipf("manifests: not run: %s", failed.Stderr)
	}
	return nil, errors.New(string(failed.Stderr))
}

// read is manifests without failure, decoded.
func read[T any](t *testing.T, environment []string, args ...string) T {
	t.Helper()
	var found T
	out, err := manifests(t, environment, args...)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// checkSettings returns the settings of a server. It fails for variables that are none of Paddock's, and for what a server refuses.
func checkSettings(t *testing.T, where string, set map[string]string) config.Config {
	t.Helper()
	vars := config.Vars()
	for name := range set {
		if !slices.ContainsFunc(vars, func(v config.Var) bool { return v.Name == name }) {
			t.Errorf("%s sets %s, which is no setting", where, name)
		}
	}
	cfg, err := config.Load(func(name string) string { return set[name] })
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	if cfg.Database.Driver == config.PostgreSQL && cfg.AuditSigningKey == "" {
		t.Errorf("%s does not seal the audit trail", where)
	}
	return cfg
}

// ollamaVersion returns the version of Ollama that Paddock is tested against, without the v.
func ollamaVersion(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../scripts/test-ollama")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`(?m)^readonly version=v([0-9.]+)$`).FindSubmatch(text)
	if match == nil {
		t.Fatal("scripts/test-ollama names no version")
	}
	return string(match[1])
}

// stopping is how long a server may take to stop, as docs/OPERATIONS.md says: the last seconds are for clients to read the rest.
func stopping(cfg config.Config) time.Duration {
	return cfg.ShutdownDelay + cfg.DrainTimeout + 5*time.Second
}

// auditKey is what an operator would generate, too.
var auditKey, _, _ = note.GenerateKey(rand.Reader, "paddock.example.com")

// secrets stand for what a deployment takes from a store of secrets.
var secrets = map[string]string{
	"DATABASE_URL":             "postgres://app:secret@db.example.com/app",
	"DB_PASSWORD":              "0123456789abcdef0123456789abcdef",
	"JWT_SECRET":               "3f1c9a7be25d48601b7e93ac5d20f4866e1ab07c",
	"JWT_SECRET_PREVIOUS":      "a95d02ce7714bf3860e2c1fd8b46a97358d0e6f1",
	"AUDIT_SIGNING_KEY":        auditKey,
	"ADMIN_BOOTSTRAP_PASSWORD": "long-enough-for-anyone",
}
