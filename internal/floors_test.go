// Package internal_test keeps the rules of the house that no single package can keep by itself.
package internal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/paddock-gate/paddock/"

// floors is the map of the house, from the ground up. A package imports packages of lower floors only, never of its own:
// what two share goes down. What lies below ent/db and internal/gen is generated and stands below all others; tests may
// import what they like.
var floors = [][]string{
	{"ent", "ent/schema", "internal/coalesce", "internal/ollama/vectors", "internal/seal/leaf", "internal/store/dberr", "internal/store/sqlitefile", "internal/store/stmt", "internal/telemetry", "internal/version", "internal/witness", "internal/witness/witnesstest"},
	{"internal/store/postgres", "internal/store/sqlite"},
	{
		"internal/auth/tokens", "internal/config", "internal/secret", "internal/caller", "internal/email", "internal/page", "internal/store", "internal/throttle",
		"internal/rawjson", "internal/fairqueue", "internal/ollama", "internal/ollama/ollamatest", "internal/ollama/tinymodel", "ui",
	},
	{"internal/apierr", "internal/seal/checkpoint", "internal/upstream/health", "internal/migrate", "internal/ollama/ollamatest/serve"},
	{"internal/convert", "internal/idempotency", "internal/dialect", "internal/upstream", "internal/store/storetest", "internal/usage/period", "internal/seal/tiles"},
	{"internal/audit"},
	{"internal/auth", "internal/users", "internal/credentials", "internal/usage", "internal/quotas", "internal/janitor", "internal/overview", "internal/backup", "internal/transfer", "internal/seal/archive", "internal/seal/cosign"},
	{"internal/relay", "internal/seal/verify"},
	{"internal/chat", "internal/gateway", "internal/ops", "internal/seal", "internal/seal/export"},
	{"internal/rpc", "internal/seal/sealtest"},
	{"internal/door"},
	{"internal/bootstrap", "internal/server", "internal/check"},
	{"internal/apptest"},
	{"cmd/paddock", "internal/tools/apidoc", "internal/tools/load", "internal/tools/migration"},
}

// generated reports whether a package is written by a program, and so stands below all floors.
func generated(pkg string) bool {
	return pkg == "ent/db" || strings.HasPrefix(pkg, "ent/db/") || strings.HasPrefix(pkg, "internal/gen/")
}

func floorOf(pkg string) int {
	return slices.IndexFunc(floors, func(floor []string) bool { return slices.Contains(floor, pkg) })
}

func TestPackagesImportLowerFloorsOnly(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,GoFiles", "./...")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for in := json.NewDecoder(bytes.NewReader(out)); ; {
		var pkg struct {
			ImportPath       string
			Imports, GoFiles []string
		}
		if err := in.Decode(&pkg); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(pkg.ImportPath, module)
		if generated(name) || len(pkg.GoFiles) == 0 {
			continue
		}
		floor := floorOf(name)
		if floor < 0 {
			t.Errorf("%s has no floor: give it one in internal/floors_test.go", name)
			continue
		}
		for _, path := range pkg.Imports {
			imported, ours := strings.CutPrefix(path, module)
			if ours && !generated(imported) && floorOf(imported) >= floor {
				t.Errorf("%s (floor %d) imports %s (floor %d); what both need goes down", name, floor, imported, floorOf(imported))
			}
		}
	}
}

func TestNoFileIsTooLongToRead(t *testing.T) {
	const most = 400
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && d.Name() != ".."
		if d.IsDir() && (hidden || d.Name() == "node_modules" || generated(filepath.ToSlash(strings.TrimPrefix(path, "../"))+"/")) {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if n := bytes.Count(content, []byte("\n")); n > most {
			t.Errorf("%s has %d lines, more than %d: divide it", path, n, most)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
