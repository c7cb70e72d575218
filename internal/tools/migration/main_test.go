package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheck_Repository fails when ent/schema was changed without a migration.
func TestCheck_Repository(t *testing.T) {
	if err := run(t.Context(), []string{"-check"}, "../../../ent/migrations", t.Output()); err != nil {
		t.Error(err)
	}
}

func TestRun_PendingChanges(t *testing.T) {
	root := t.TempDir()
	for _, d := range databases {
		if err := os.Mkdir(filepath.Join(root, d.name), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	call := func(args ...string) error {
		t.Helper()
		return run(t.Context(), args, root, t.Output())
	}

	err := call("-check")
	if err == nil {
		t.Fatal("no migrations at all, and no error")
	}
	for _, want := range []string{"run `make migration name=what_changed`", `CREATE TABLE "users"`, "CREATE TABLE `users`"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %s:\n%v", want, err)
		}
	}
	if found := sqlFiles(t, root); len(found) > 0 {
		t.Errorf("-check has written %v", found)
	}

	if err := call("-name", "init"); err != nil {
		t.Fatal(err)
	}
	found := sqlFiles(t, root)
	if len(found) != 2 || filepath.Base(found[0]) != filepath.Base(found[1]) || !strings.HasSuffix(found[0], "_init.sql") {
		t.Errorf("wrote %v, want the same version of init for each database", found)
	}
	if err := call("-check"); err != nil {
		t.Error(err)
	}
	if err := call("-name", "again"); err != nil || len(sqlFiles(t, root)) != 2 {
		t.Errorf("with nothing to write: error %v, files %v", err, sqlFiles(t, root))
	}

	edited, err := os.OpenFile(found[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := edited.WriteString("CREATE INDEX by_hand ON users (updated_at);\n"); err != nil {
		t.Fatal(err)
	}
	edited.Close()
	if err := call("-check"); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("a migration edited without its sum: got %v, want a checksum error", err)
	}
	if err := call("-hash"); err != nil {
		t.Fatal(err)
	}
	if err := call("-check"); err == nil || !strings.Contains(err.Error(), "by_hand") {
		t.Errorf("an index that the schema does not have: got %v, want the statement that drops it", err)
	}
}

func TestRun_InvalidName(t *testing.T) {
	for _, args := range [][]string{nil, {"-name", ""}, {"-name", "Add Users"}, {"-name", "../x"}} {
		if err := run(t.Context(), args, t.TempDir(), t.Output()); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}

func sqlFiles(t *testing.T, root string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "*", "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}
