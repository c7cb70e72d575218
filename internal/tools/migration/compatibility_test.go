package main

import (
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"
)

func TestCheckCompatibility(t *testing.T) {
	const version, earlier = "29990102000000", "29990101000000"
	expand := says(version, "") + ";\n"
	for name, c := range map[string]struct{ postgres, sqlite, want string }{
		"SaysNothing":       {"CREATE TABLE a (b int);", "CREATE TABLE a (b int);", says(version, "")},
		"SaysItLater":       {"CREATE TABLE a (b int);\n" + expand, "CREATE TABLE a (b int);\n" + expand, says(version, "")},
		"OfAnotherVersion":  {says(earlier, "") + ";", says(earlier, "") + ";", says(version, "")},
		"SaysItForOne":      {expand + "CREATE TABLE a (b int);", "CREATE TABLE a (b int);", says(version, "")},
		"OneDatabaseOnly":   {expand + "CREATE INDEX a ON b (c);", "", ""},
		"NeedsDiffer":       {expand, says(version, earlier) + ";", "not need the same"},
		"Empty":             {"-- nothing", expand, says(version, "")},
		"NeedsAnUnknown":    {says(version, "29990101") + ";", says(version, "29990101") + ";", "no earlier migration"},
		"NeedsItself":       {says(version, version) + ";", says(version, version) + ";", "no earlier migration"},
		"DropsColumn":       {expand + `ALTER TABLE "a" DROP COLUMN "b";`, expand + "DROP TABLE a;", "DROP COLUMN"},
		"Renames":           {expand + `ALTER TABLE "a" RENAME COLUMN "b" TO "c";`, expand, "RENAME"},
		"ChangesType":       {expand + `ALTER TABLE "a" ALTER COLUMN "b" TYPE bigint;`, expand, "TYPE"},
		"Demands":           {expand + `ALTER TABLE "a" ADD COLUMN "b" text NULL, ADD COLUMN "c" text NOT NULL;`, expand, `"c" text NOT NULL`},
		"Expand":            {expand + `ALTER TABLE "a" ADD COLUMN "b" bigint NOT NULL DEFAULT 0;`, expand + "DROP TABLE a;", ""},
		"ExpandBelowAHead":  {"-- atlas:txmode none\n\n" + expand + "CREATE INDEX CONCURRENTLY a ON b (c);", expand + "CREATE INDEX a ON b (c);", ""},
		"ContractOfEarlier": {says(version, earlier) + ";\nDROP TABLE a;", says(version, earlier) + ";\nDROP TABLE a;", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var dirs [2]migrate.MemDir
			for i, content := range []string{c.postgres, c.sqlite} {
				for _, f := range [][2]string{{"20261122222141_old.sql", "DROP TABLE a;"}, {earlier + "_a.sql", says(earlier, "") + ";"}, {version + "_b.sql", content}} {
					if f[1] == "" {
						continue
					}
					if err := dirs[i].WriteFile(f[0], []byte(f[1])); err != nil {
						t.Fatal(err)
					}
				}
			}
			switch err := checkCompatibility(&dirs[0], &dirs[1]); {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestRun_WritesCompatibility(t *testing.T) {
	for needs, want := range map[string]string{"": "', '') ON CONFLICT", "20261129155000": "', '20261129155000') ON CONFLICT"} {
		root := emptyRoot(t)
		if err := run(t.Context(), []string{"-name", "init", "-needs", needs}, root, t.Output()); err != nil {
			t.Fatal(err)
		}
		for _, content := range contents(t, root) {
			if !strings.Contains(content, "\nINSERT INTO migration_compatibility") || !strings.Contains(content, want) {
				t.Errorf("needs %q: %.200s", needs, content)
			}
		}
	}
}
