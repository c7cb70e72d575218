package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/config"
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

func TestREADME_EveryVariable(t *testing.T) {
	var want strings.Builder
	want.WriteString("\n| variable | default | meaning |\n|---|---|---|\n")
	for _, v := range config.Vars() {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", v.Name, v.Default, v.Help)
	}
	want.WriteString("\n")
	if got := readmePart(t, "variables"); got != want.String() {
		t.Errorf("README.md differs from config.Vars(); its table should be:\n%s", want.String())
	}
}
