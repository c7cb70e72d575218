package deploy_test

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// command runs a program in a folder, and returns what it writes to either output.
func command(ctx context.Context, dir string, environment []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), environment...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// build makes the archive of this machine's system, without bills of materials, and returns its folder.
func build(t *testing.T, umask string, environment ...string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("release: not run: it is built on Linux, with GNU tar")
	}
	if _, err := os.Stat("../ui/dist/index.html"); err != nil {
		t.Skip("release: not run: there is no web page to build in")
	}
	dir := filepath.Join(t.TempDir(), "release")
	out, err := command(t.Context(), "..", append(environment, "SBOM=false", "SOURCE_DATE_EPOCH=1700000000"),
		"sh", "-c", "umask "+umask+` && exec scripts/release "$@"`, "release", newestVersion(t), dir, runtime.GOOS+"/"+runtime.GOARCH)
	if err != nil {
		t.Fatal(err, out)
	}
	return dir
}

// sums returns the checksums of a release.
func sums(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRelease: the same commit gives the same bytes, whatever the builder's umask, folder and settings of Go, and what was signed can
// be told from anything else.
func TestRelease(t *testing.T) {
	t.Parallel()
	keys := t.TempDir()
	key := filepath.Join(keys, "key")
	if out, err := command(t.Context(), keys, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key); err != nil {
		t.Skip("release: not run: ssh-keygen: ", err, out)
	}
	first := build(t, "022", "RELEASE_KEY="+key)
	second := build(t, "077", "RELEASE_KEY="+key, "GOFLAGS=-buildvcs=true", "GOAMD64=v3", "TZ=Asia/Tokyo", "LC_ALL=C")
	if a, b := sums(t, first), sums(t, second); a != b {
		t.Errorf("%s\n%s", a, b)
	}
	t.Run("archive", func(t *testing.T) { checkArchive(t, first) })
	t.Run("signature", func(t *testing.T) { checkSignature(t, second, key+".pub") })
}

// checkArchive fails unless the archive has the program, which knows its version, and what is to be read beside it.
func checkArchive(t *testing.T, dir string) {
	t.Helper()
	name := "paddock_" + newestVersion(t) + "_" + runtime.GOOS + "_" + runtime.GOARCH
	work := t.TempDir()
	if out, err := command(t.Context(), work, nil, "tar", "-xzf", filepath.Join(dir, name+".tar.gz")); err != nil {
		t.Fatal(err, out)
	}
	for _, file := range []string{"README.md", "CHANGELOG.md", "LICENSE", "docs/DEPLOY.md", "deploy/systemd/paddock.service"} {
		if _, err := os.Stat(filepath.Join(work, name, file)); err != nil {
			t.Error(err)
		}
	}
	out, err := command(t.Context(), work, nil, filepath.Join(work, name, "paddock"), "version")
	if want := "paddock " + newestVersion(t) + "\n"; err != nil || out != want {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
}

// checkSignature follows what docs/DEPLOY.md tells to do before an archive is trusted; it overwrites the release.
func checkSignature(t *testing.T, dir, publicKey string) {
	t.Helper()
	public, err := os.ReadFile(publicKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "allowed_signers"), append([]byte("releases@paddock "), public...), 0o600); err != nil {
		t.Fatal(err)
	}
	documented, err := os.ReadFile("../docs/DEPLOY.md")
	if err != nil {
		t.Fatal(err)
	}
	verify := "set -e\n"
	for line := range strings.Lines(string(documented)) {
		if strings.HasPrefix(line, "ssh-keygen -Y verify ") || strings.HasPrefix(line, "sha256sum --check ") {
			verify += line
		}
	}
	if strings.Count(verify, "\n") != 3 {
		t.Fatalf("docs/DEPLOY.md tells to run\n%s", verify)
	}
	if out, err := command(t.Context(), dir, nil, "sh", "-c", verify); err != nil {
		t.Errorf("%v %s", err, out)
	}
	for _, file := range []string{strings.Fields(sums(t, dir))[1], "SHA256SUMS"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte("another"), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := command(t.Context(), dir, nil, "sh", "-c", verify); err == nil {
			t.Errorf("another %s is taken for the signed one: %s", file, out)
		}
	}
}

func TestRelease_WrongVersion(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"v99.0.0", "1.0.0", "a3ad36c"} {
		dir := filepath.Join(t.TempDir(), "release")
		out, err := command(t.Context(), "..", nil, "scripts/release", version, dir)
		if err == nil || !strings.Contains(out, newestVersion(t)) {
			t.Errorf("%s: %v %s", version, err, out)
		}
		if out, err := command(t.Context(), "..", nil, "scripts/release-notes", version); err == nil {
			t.Errorf("notes of %s: %s", version, out)
		}
	}
	notes, err := command(t.Context(), "..", nil, "scripts/release-notes", newestVersion(t))
	if err != nil || strings.TrimSpace(notes) == "" || strings.Contains(notes, "\n## ") {
		t.Errorf("%v: %s", err, notes)
	}
}

// TestRelease_Unreleased: a version without its day can be built for a trial, until it is tagged.
func TestRelease_Unreleased(t *testing.T) {
	t.Parallel()
	repository := t.TempDir()
	git := func(args ...string) {
		args = append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)
		if out, err := command(t.Context(), repository, nil, "git", args...); err != nil {
			t.Fatal(err, out)
		}
	}
	script, err := os.ReadFile("../scripts/release")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"scripts/release": script, "CHANGELOG.md": []byte("## v9.0.0 (unreleased)\n")} {
		path := filepath.Join(repository, name)
		if err := cmp.Or(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	refuses := func(says string) {
		t.Helper()
		out, err := command(t.Context(), repository, nil, "bash", "scripts/release", "v9.0.0", filepath.Join(repository, "out"))
		if err == nil || !strings.Contains(out, says) {
			t.Errorf("%v: %s, want %q", err, out, says)
		}
	}
	git("init", "--quiet")
	git("add", ".")
	git("commit", "--quiet", "--message", "all")
	refuses("there is no web page") // which comes next
	git("tag", "v9.0.0")
	refuses("calls it unreleased")
}

// TestWorkflows_Targets: what the workflows run is what can be run here.
func TestWorkflows_Targets(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	workflows, err := filepath.Glob("../.github/workflows/*.yml")
	if err != nil || len(workflows) == 0 {
		t.Fatal("no workflows", err)
	}
	for _, workflow := range workflows {
		text, err := os.ReadFile(workflow)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`\bmake ([a-z0-9-]+)`).FindAllSubmatch(text, -1) {
			if target := string(match[1]); !strings.Contains(string(makefile), "\n.PHONY: "+target+"\n") {
				t.Errorf("%s runs make %s, which there is not", workflow, target)
			}
		}
	}
}

// TestBillOfMaterials_Page looks for what is in the page, and not for what is only used to build or to test it.
func TestBillOfMaterials_Page(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("bill of materials: not run: npm is not installed")
	}
	var page struct {
		SerialNumber string
		Metadata     struct{ Timestamp string }
		Components   []struct{ Name string }
	}
	bill := exec.CommandContext(t.Context(), "scripts/sbom", "page", newestVersion(t))
	bill.Dir, bill.Stderr = "..", t.Output()
	text, err := bill.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &page); err != nil {
		t.Fatal(err)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(page.Components, func(c struct{ Name string }) bool { return c.Name == name })
	}
	if !has("react") || has("vitest") || page.SerialNumber != "" || page.Metadata.Timestamp != "" {
		t.Errorf("react %v, vitest %v, %+v", has("react"), has("vitest"), page.Metadata)
	}
}
