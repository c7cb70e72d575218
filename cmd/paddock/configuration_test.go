package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/config"
)

// documentedVariable is a row of docs/CONFIGURATION.md; its example is the fourth cell.
var documentedVariable = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (.*) \\| (.*) \\| `(.*)` \\| (.*) \\|$")

func configurationRows(t *testing.T) [][]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/CONFIGURATION.md")
	if err != nil {
		t.Fatal(err)
	}
	return documentedVariable.FindAllStringSubmatch(string(page), -1)
}

func TestConfiguration_EveryVariable(t *testing.T) {
	rows := configurationRows(t)
	for _, v := range config.Vars() {
		i := slices.IndexFunc(rows, func(row []string) bool { return row[1] == v.Name })
		want := fmt.Sprintf("| `%s` | %s | %s | `EXAMPLE` | %s |", v.Name, v.Type, v.Default, v.Help)
		if i < 0 {
			t.Errorf("docs/CONFIGURATION.md lacks %s; its row should be\n%s", v.Name, want)
			continue
		}
		if got := strings.Replace(rows[i][0], "| `"+rows[i][4]+"` |", "| `EXAMPLE` |", 1); got != want {
			t.Errorf("docs/CONFIGURATION.md differs from config.Vars(); the row should be\n%s", want)
		}
		rows = slices.Delete(rows, i, i+1)
	}
	for _, row := range rows {
		t.Errorf("docs/CONFIGURATION.md has %s once too often, or it is no variable", row[1])
	}
}

// TestConfiguration_Examples checks that a variable may be set to its example; one with "…" or a command in it leaves that
// to the reader.
func TestConfiguration_Examples(t *testing.T) {
	for _, row := range configurationRows(t) {
		name, example := row[1], row[4]
		if strings.Contains(example, "…") || strings.HasPrefix(example, "$(") {
			continue
		}
		env := environment{"JWT_SECRET": "9f1c2ab07d3e48c5a6b1d0e7f8c3b2a49f1c2ab07d3e48c5a6b1d0e7f8c3b2a4"}.with(environment{name: example})
		_, err := config.Load(func(name string) string { return env[name] })
		if err != nil {
			t.Errorf("%s=%s: %v", name, example, err)
		}
	}
}
