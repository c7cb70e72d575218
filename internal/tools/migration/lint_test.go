package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLint_Findings needs the Atlas command line, as TestAtlas in internal/migrate does.
func TestLint_Findings(t *testing.T) {
	atlas := os.Getenv("ATLAS")
	if atlas == "" {
		t.Skip("rules for migrations: not run: ATLAS does not name the Atlas command line: `make soak` does")
	}
	for name, c := range map[string]struct {
		database, migration string
		finding             string // "": none
	}{
		"NewTable":       {"postgres", `CREATE TABLE "t" ("id" uuid NOT NULL, PRIMARY KEY ("id")); CREATE INDEX "i" ON "t" ("id");`, ""},
		"NullableColumn": {"postgres", `ALTER TABLE "users" ADD COLUMN "phone" text NULL;`, ""},
		"DropTable":      {"postgres", `DROP TABLE "rate_buckets";`, "Dropping table"},
		"DropColumn":     {"postgres", `ALTER TABLE "users" DROP COLUMN "search";`, "Dropping non-virtual column"},
		"MeantDrop":      {"postgres", "-- atlas:nolint destructive\n" + `ALTER TABLE "users" DROP COLUMN "display_name";`, ""},
		"RequiredColumn": {"postgres", `ALTER TABLE "users" ADD COLUMN "phone" text NOT NULL;`, "Adding a non-nullable"},
		"UniqueIndex":    {"postgres", "-- atlas:txmode none\n\n" + `CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "i" ON "users" ("display_name");`, "Adding a unique index"},
		"Rename":         {"postgres", `ALTER TABLE "users" RENAME COLUMN "search" TO "words";`, "Renaming column"},
		"BlockingIndex":  {"postgres", `CREATE INDEX "i" ON "users" ("updated_at");`, "Creating index \"i\" non-concurrently"},
		"BlockingDrop":   {"postgres", `DROP INDEX "user_created_at_id";`, "Dropping index \"user_created_at_id\" non-concurrently"},
		"Transaction":    {"postgres", `CREATE INDEX CONCURRENTLY IF NOT EXISTS "i" ON "users" ("updated_at");`, "Add the `atlas:txmode none` directive"},
		"Concurrent":     {"postgres", "-- atlas:txmode none\n\n" + `CREATE INDEX CONCURRENTLY IF NOT EXISTS "i" ON "users" ("updated_at");`, ""},
		"SQLiteIndex":    {"sqlite", "CREATE INDEX `i` ON `users` (`updated_at`);", ""},
		"SQLiteDrop":     {"sqlite", "DROP TABLE `rate_buckets`;", "Dropping table"},
	} {
		t.Run(name, func(t *testing.T) {
			repository := committed(t)
			root := filepath.Join(repository, "ent", "migrations")
			path := filepath.Join(root, c.database, "29990101000000_new.sql")
			if err := os.WriteFile(path, []byte(c.migration), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := renewSums(root); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			err := lint(t.Context(), []string{atlas}, root, "HEAD", &out)
			switch {
			case c.finding == "" && (err != nil || !strings.Contains(out.String(), c.database+": 1 new migrations, no findings")):
				t.Errorf("error %v\n%s", err, &out)
			case c.finding != "" && (err == nil || !strings.Contains(err.Error(), c.database) || !strings.Contains(out.String(), c.finding)):
				t.Errorf("error %v, want %s\n%s", err, c.finding, &out)
			}
		})
	}
}

// committed returns a repository with the migrations and their rules.
func committed(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "ent", "migrations"), os.DirFS("../../../ent/migrations")); err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("../../../atlas.hcl")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "atlas.hcl"), rules, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"add", "."},
		{"-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "--message", "all"},
	} {
		git := exec.CommandContext(t.Context(), "git", args...)
		git.Dir = dir
		if out, err := git.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", git, err, out)
		}
	}
	return dir
}
