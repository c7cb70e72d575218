package deploy_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var heading = regexp.MustCompile(`(?m)^## (.*)$`)

// versions returns the headings of the changelog, newest first.
func versions(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, match := range heading.FindAllStringSubmatch(string(text), -1) {
		found = append(found, match[1])
	}
	return found
}

// newestVersion returns the version at the top of the changelog.
func newestVersion(t *testing.T) string {
	t.Helper()
	version, _, _ := strings.Cut(versions(t)[0], " ")
	return version
}

// TestChangelog: every version has its day, and the newest one may still be without. What is tagged as a release is the newest one.
func TestChangelog(t *testing.T) {
	t.Parallel()
	released := regexp.MustCompile(`^v\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)$`)
	next := regexp.MustCompile(`^v\d+\.\d+\.\d+ \(unreleased\)$`)
	for i, version := range versions(t) {
		if !released.MatchString(version) && (i > 0 || !next.MatchString(version)) {
			t.Errorf("%q is no heading of a version", version)
		}
	}
	out, err := exec.CommandContext(t.Context(), "git", "tag", "--points-at", "HEAD", "v*").Output()
	if err != nil {
		t.Skipf("changelog: not run: git: %v", err)
	}
	for tag := range strings.Lines(string(out)) {
		if tag = strings.TrimSpace(tag); tag != newestVersion(t) || !released.MatchString(versions(t)[0]) {
			t.Errorf("this commit is tagged %s, and the changelog's newest version is %s", tag, versions(t)[0])
		}
	}
}

// TestVersions: files and commands that name a version of Paddock name the newest one.
func TestVersions(t *testing.T) {
	t.Parallel()
	version := regexp.MustCompile(`\bv\d+\.\d+\.\d+\b`)
	files := []string{"../docs/DEPLOY.md"}
	for _, dir := range []string{"kubernetes", "cloudrun", "systemd"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, named := range version.FindAllString(string(text), -1) {
			if named != newestVersion(t) {
				t.Errorf("%s names %s, and the newest version is %s", file, named, newestVersion(t))
			}
		}
	}
}
