package migrate_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestAtlas_SameSchema runs atlas.hcl with the Atlas command line, which takes minutes to build and so must be there already:
//
//	ATLAS=$(go tool -modfile=internal/tools/atlas/go.mod -n atlas) go test -run TestAtlas ./internal/migrate
func TestAtlas_SameSchema(t *testing.T) {
	atlas := os.Getenv("ATLAS")
	if atlas == "" {
		t.Skip("ATLAS does not name the Atlas command line")
	}
	eachEmpty(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		run := func(args ...string) string {
			t.Helper()
			env, variable := "prod", "DATABASE_URL="+url
			if s.Embedded() {
				env, variable = "local", "DATA_DIR="+strings.TrimSuffix(strings.TrimPrefix(url, "sqlite://"), "/paddock.db")
			}
			cmd := exec.Command(atlas, append(append([]string{"migrate"}, args...), "--env", env)...)
			cmd.Dir = "../.."
			cmd.Env = append(os.Environ(), variable, "ATLAS_NO_UPDATE_NOTIFIER=1")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %v\n%s", cmd, err, out)
			}
			return string(out)
		}

		run("apply", "1")
		if applied, err := migrate.Up(t.Context(), s); err != nil || len(applied) == 0 {
			t.Fatalf("after Atlas has applied one: applied %v, error %v", applied, err)
		}
		if out := run("status"); !strings.Contains(out, "Migration Status: OK") {
			t.Errorf("after Migrate has applied the rest: %s", out)
		}
		if out := run("apply"); !strings.Contains(out, "No migration files to execute") {
			t.Errorf("with nothing to do: %s", out)
		}
		if err := migrate.Check(t.Context(), s); err != nil {
			t.Error(err)
		}
	})
}
