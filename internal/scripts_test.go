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

// TestCheckAdvisories_HighOnesFail: npm says by what it prints whether it has been told any; its status is 1 either way.
func TestCheckAdvisories_HighOnesFail(t *testing.T) {
	for _, c := range []struct {
		status int
		text   string
		fails  bool
		says   string
	}{
		{0, `{"auditReportVersion":2,"vulnerabilities":{"a":{"name":"a","severity":"low","range":"*","via":["b"]}}}`, false, "no advisory of high severity"},
		{1, `{"auditReportVersion":2,"vulnerabilities":{"a":{"name":"a","severity":"high","range":"<2","via":["b",{"title":"runs what it reads"}]}}}`, true, "high: a <2: runs what it reads"},
		{1, `{"message":"405 Method Not Allowed","error":{"summary":""}}`, false, "NOT RUN, the registry does not tell: 405"},
		{1, "", false, "NOT RUN"},
	} {
		dir := t.TempDir()
		fake := fmt.Sprintf("#!/bin/sh\n[ \"$1\" = audit ] || exit 0\necho '%s'\nexit %d\n", c.text, c.status)
		if err := os.WriteFile(filepath.Join(dir, "npm"), []byte(fake), 0o700); err != nil { //nolint:gosec // it is to be run
			t.Fatal(err)
		}
		for _, tool := range []string{"jq", "node"} {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skipf("not run: %v", err)
			}
		}
		check := exec.CommandContext(t.Context(), "../scripts/check-advisories")
		check.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := check.CombinedOutput()
		if fails := err != nil; fails != c.fails || !strings.Contains(string(out), c.says) {
			t.Errorf("status %d, %q: %v\n%s", c.status, c.text, err, out)
		}
	}
}

func TestMakeHelp_EveryTarget(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	help := exec.CommandContext(t.Context(), "make", "-C", "..", "help")
	out, err := help.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(makefile)) {
		target, what, described := strings.Cut(line, "## ")
		name, _, _ := strings.Cut(target, ":")
		if described && !strings.HasPrefix(line, "\t") && !strings.Contains(string(out), "make "+name+" ") {
			t.Errorf("make help does not show %s: %s", name, what)
		}
	}
}

func TestNeed_EverythingMissing(t *testing.T) {
	dir := t.TempDir()
	for _, tool := range []string{"bash", "grep"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, tool)); err != nil {
			t.Fatal(err)
		}
	}
	bash := filepath.Join(dir, "bash")
	need := exec.CommandContext(t.Context(), bash, "../scripts/need", "make test", "bash", "go", "curl", "jq", "npm")
	need.Env = []string{"PATH=" + dir}
	out, err := need.CombinedOutput()
	if err == nil {
		t.Error("need succeeds where nothing is")
	}
	for _, name := range []string{"make test", "Go 1.26", "curl 7.82", "  jq\n", "Node.js 20"} {
		if !strings.Contains(string(out), name) {
			t.Errorf("it does not name %q:\n%s", name, out)
		}
	}
	if strings.Contains(string(out), "  bash") {
		t.Errorf("it names what is there:\n%s", out)
	}
}

func TestProgress_WithoutTerminal(t *testing.T) {
	var build strings.Builder
	for i := range 120 {
		fmt.Fprintf(&build, "example.com/module/v2/package-%d\n", i)
	}
	build.WriteString("go: downloading example.com/module v1.2.3\n# example.com/module\nmodule.go:1:1: syntax error")
	progress := exec.CommandContext(t.Context(), "../scripts/progress", "./page")
	progress.Stdin = strings.NewReader(build.String())
	out, err := progress.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	shown := string(out)
	if !strings.Contains(shown, "  100 of ") || strings.Contains(shown, "package-") || strings.ContainsAny(shown, "\r\033") {
		t.Errorf("it shows\n%q", shown)
	}
	if !strings.HasSuffix(shown, "go: downloading example.com/module v1.2.3\n# example.com/module\nmodule.go:1:1: syntax error\n") {
		t.Errorf("it does not pass on what is no package:\n%s", shown)
	}
}

func TestProgress_FewPackages(t *testing.T) {
	progress := exec.CommandContext(t.Context(), "../scripts/progress", "./page")
	progress.Stdin = strings.NewReader("example.com/module\nexample.com/module/command\n")
	if out, err := progress.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: it shows %q", err, out)
	}
}
