package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"
)

// TestCheck_Repository fails when ent/schema was changed without a migration.
func TestCheck_Repository(t *testing.T) {
	if err := run(t.Context(), []string{"-check"}, "../../../ent/migrations", t.Output()); err != nil {
		t.Error(err)
	}
}

func TestRun_PendingChanges(t *testing.T) {
	root := emptyRoot(t)
	call := func(args ...string) error {
		t.Helper()
		return run(t.Context(), args, root, t.Output())
	}

	err := call("-check")
	if err == nil {
		t.Fatal("no tables at all, and no error")
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

// emptyRoot returns a folder of migrations that make only the table that all later ones write to.
func emptyRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, d := range databases {
		name := filepath.Join(d.name, unsaid+"_migration_compatibility.sql")
		content, err := os.ReadFile(filepath.Join("../../../ent/migrations", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(root, d.name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := renewSums(root); err != nil {
		t.Fatal(err)
	}
	return root
}

func contents(t *testing.T, root string) (all []string) {
	t.Helper()
	for _, name := range sqlFiles(t, root) {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(content))
	}
	return all
}

// sqlFiles returns the migrations beside those of emptyRoot.
func sqlFiles(t *testing.T, root string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "*", "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(found, func(name string) bool { return strings.Contains(name, unsaid) })
}

// TestReleased_Unchanged: a migration that has been released is never edited. A sum covers the file and all before it.
func TestReleased_Unchanged(t *testing.T) {
	for name, want := range map[string]string{
		"postgres": "20261123074502_reservations_without_replica_index.sql h1:Pc1Mk016ibHiDDDdIucMSysMTohMOnCHl1o5HlxwrkQ=",
		"sqlite":   "20261123074502_reservations_without_replica_index.sql h1:tXipGGndOZgvoucxJlVuAlMlPHb76r6HSKCZF1DUMs0=",
	} {
		dir, err := migrate.NewLocalDir(filepath.Join("../../../ent/migrations", name))
		if err != nil {
			t.Fatal(err)
		}
		sums, err := dir.Checksum()
		if err != nil {
			t.Fatal(err)
		}
		text, err := sums.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%s: a released migration was changed: want %s in\n%s", name, want, text)
		}
	}
}
