package internal_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAFindingIsAFindingWhateverItsTextSays: govulncheck's exit status 3 says so; only another failure may be an
// unreachable database.
func TestAFindingIsAFindingWhateverItsTextSays(t *testing.T) {
	for _, c := range []struct {
		status int
		text   string
		fails  bool
		says   string
	}{
		{0, "No vulnerabilities found.", false, "no known vulnerabilities"},
		{3, "GO-2026-0001: dial tcp: i/o timeout leaves forbidden code unreachable", true, "GO-2026-0001"},
		{1, "fetching vulnerabilities: dial tcp: lookup vuln.go.dev: no such host", false, "NOT RUN"},
		{1, "internal error: package without types", true, "package without types"},
	} {
		dir := t.TempDir()
		fake := fmt.Sprintf("#!/bin/sh\necho '%s'\nexit %d\n", c.text, c.status)
		if err := os.WriteFile(filepath.Join(dir, "go"), []byte(fake), 0o700); err != nil { //nolint:gosec // it is to be run
			t.Fatal(err)
		}
		check := exec.CommandContext(t.Context(), "../scripts/check-vulnerabilities")
		check.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := check.CombinedOutput()
		if fails := err != nil; fails != c.fails || !strings.Contains(string(out), c.says) {
			t.Errorf("status %d, %q: %v\n%s", c.status, c.text, err, out)
		}
	}
}
