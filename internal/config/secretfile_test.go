package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/config"
)

// secretFile returns the path of a file with the content.
func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLoad_SecretFiles checks that a secret in a file counts as one in the environment does, for every secret.
func TestLoad_SecretFiles(t *testing.T) {
	secrets := map[string]string{
		"JWT_SECRET": randomSecret, "JWT_SECRET_PREVIOUS": randomSecret[1:], "ADMIN_BOOTSTRAP_PASSWORD": "ünïcödé of an admin",
		"DB_PASSWORD": " p@ss word ", "DATABASE_URL": "postgres://u:p%40ss@db/app", "AUDIT_SIGNING_KEY": auditKey,
	}
	var named []string
	for _, v := range config.Vars() {
		if name, ok := strings.CutSuffix(v.Name, "_FILE"); ok {
			named = append(named, name)
		}
	}
	slices.Sort(named)
	if want := []string{"ADMIN_BOOTSTRAP_PASSWORD", "AUDIT_SIGNING_KEY", "DATABASE_URL", "DB_PASSWORD", "JWT_SECRET", "JWT_SECRET_PREVIOUS"}; !slices.Equal(named, want) {
		t.Errorf("secrets %v, want %v", named, want)
	}
	for name, value := range secrets {
		t.Run(name, func(t *testing.T) {
			plain := map[string]string{"ENVIRONMENT": "prod", "JWT_SECRET": randomSecret, "DB_HOST": "db", name: value}
			want := load(t, plain)
			delete(plain, name)
			for _, ending := range []string{"", "\n", "\r\n"} {
				plain[name+"_FILE"] = secretFile(t, value+ending)
				if got := load(t, plain); !reflect.DeepEqual(got, want) {
					t.Errorf("ending %q: got %+v", ending, got)
				}
			}
		})
	}
}

func TestLoad_SecretFileEmptyVariable(t *testing.T) {
	c := load(t, map[string]string{"JWT_SECRET": "", "JWT_SECRET_FILE": secretFile(t, randomSecret)})
	if c.Tokens.Secret != randomSecret {
		t.Error("not read")
	}
	c = load(t, map[string]string{"JWT_SECRET": randomSecret, "JWT_SECRET_FILE": ""})
	if c.Tokens.Secret != randomSecret {
		t.Error("an empty name counts as a file")
	}
}

// TestLoad_SecretFileContent checks what is no line of text.
func TestLoad_SecretFileContent(t *testing.T) {
	const problem = "must name a file of one line of text"
	for name, content := range map[string]string{
		"two lines": randomSecret + "\n\n", "NUL": randomSecret + "\x00", "random bytes": randomSecret + "\xff", "tab": "\t" + randomSecret,
		"large": strings.Repeat("x", 64<<10+1), "infinite": "",
	} {
		path := secretFile(t, content)
		if name == "infinite" {
			path = "/dev/zero"
		}
		want := config.Faults{{Variable: "JWT_SECRET_FILE", Problem: problem}}
		if got := loadFaults(t, map[string]string{"JWT_SECRET_FILE": path}); !slices.Equal(got, want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestLoad_SecretFileUnreadable(t *testing.T) {
	path := secretFile(t, randomSecret)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Open(path); err == nil {
		f.Close()
		t.Skip("this user may read everything")
	}
	want := config.Faults{{Variable: "JWT_SECRET_FILE", Problem: "must name a file that this user may read"}}
	if got := loadFaults(t, map[string]string{"JWT_SECRET_FILE": path}); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestLoadForMigration_WithoutSigningSecret(t *testing.T) {
	c, err := config.LoadForMigration(env(map[string]string{"ENVIRONMENT": "prod", "DB_HOST": "db"}))
	if err != nil || c.Database.Driver != config.PostgreSQL {
		t.Errorf("%+v, %v", c.Database, err)
	}
	if _, err := config.LoadForMigration(env(map[string]string{"ENVIRONMENT": "prod", "JWT_SECRET": "short"})); err == nil {
		t.Error("takes any secret")
	}
}
