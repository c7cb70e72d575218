package main

import (
	"os"
	"strings"
	"testing"
)

// readmePart returns what stands in the README between two HTML comments, of which the first begins with name.
func readmePart(t *testing.T, name string) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(readme), "<!-- "+name+":")
	_, after, _ = strings.Cut(after, "-->\n")
	part, _, ended := strings.Cut(after, "<!-- end of "+name+" -->")
	if !found || !ended {
		t.Fatalf("README.md has no part %q", name)
	}
	return part
}
