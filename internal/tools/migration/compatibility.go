package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"ariga.io/atlas/sql/migrate"
)

// unsaid is the last migration that does not say which programs may run on it: it makes the table where the later ones do.
const unsaid = "20261129155000"

// says returns the statement by which a migration says which programs may run on it: all if needs is empty, so that the release before
// runs on, or those that know the migration needs.
func says(version, needs string) string {
	return fmt.Sprintf("INSERT INTO migration_compatibility (version, needs) VALUES ('%s', '%s') ON CONFLICT DO NOTHING", version, needs)
}

var said = regexp.MustCompile(`^INSERT INTO migration_compatibility \(version, needs\) VALUES \('(\d+)', '(\d*)'\) ON CONFLICT DO NOTHING$`)

// withCompatibility returns the migration with that statement in front.
func withCompatibility(f migrate.File, needs string) migrate.File {
	comment := "-- Programs that do not know this migration run on it, too."
	if needs != "" {
		comment = "-- Programs must know " + needs + " to run on this."
	}
	return migrate.NewLocalFile(f.Name(), fmt.Appendf(nil, "%s\n%s;\n%s", comment, says(f.Version(), needs), f.Bytes()))
}

// checkCompatibility fails unless each migration says first which programs may run on it, and the same for both databases where both
// have it.
func checkCompatibility(postgres, sqlite migrate.Dir) error {
	needs := map[string]string{} // by version
	var faults []error
	for _, dir := range []migrate.Dir{postgres, sqlite} {
		files, err := dir.Files()
		if err != nil {
			return err
		}
		earlier := map[string]bool{}
		for _, f := range files {
			if f.Version() > unsaid {
				if err := checkFile(f, needs, earlier, dir == postgres); err != nil {
					faults = append(faults, fmt.Errorf("%s: %w", f.Name(), err))
				}
			}
			earlier[f.Version()] = true
		}
	}
	return errors.Join(faults...)
}

// checkFile checks one migration, which follows the earlier ones, and remembers what it needs. What is dangerous is looked for in
// PostgreSQL's words: SQLite often has to rebuild a table.
func checkFile(f migrate.File, needs map[string]string, earlier map[string]bool, isPostgres bool) error {
	statements, err := f.Stmts()
	if err != nil {
		return err
	}
	if len(statements) == 0 {
		statements = []string{""}
	}
	found := said.FindStringSubmatch(strings.TrimSuffix(statements[0], ";"))
	if found == nil || found[1] != f.Version() {
		return fmt.Errorf("its first statement must say which programs may run on it:\n%s;", says(f.Version(), ""))
	}
	needed := found[2]
	if needed != "" && !earlier[needed] {
		return fmt.Errorf("it needs %s, which is no earlier migration", needed)
	}
	if other, ok := needs[f.Version()]; ok && other != needed {
		return errors.New("it does not need the same for both databases")
	}
	needs[f.Version()] = needed
	for _, statement := range statements[1:] {
		if what := breaks(statement); isPostgres && needed == "" && what != "" {
			return fmt.Errorf("programs of the release before cannot run on it: %s. Make it one release after the programs that can, "+
				"with -needs and the migration that they know", what)
		}
	}
	return nil
}

var (
	removes = regexp.MustCompile(`(?i)\bDROP (TABLE|COLUMN)\b|\bRENAME\b|\bSET NOT NULL\b|\bALTER COLUMN \S+ (SET DATA )?TYPE\b`)
	adds    = regexp.MustCompile(`(?i)\bADD COLUMN [^,]+`)
)

// breaks returns the part of a statement that programs which do not know of it would trip over; "" if none is found.
func breaks(statement string) string {
	if found := removes.FindString(statement); found != "" {
		return found
	}
	for _, column := range adds.FindAllString(statement, -1) {
		if upper := strings.ToUpper(column); strings.Contains(upper, "NOT NULL") && !strings.Contains(upper, "DEFAULT") {
			return column
		}
	}
	return ""
}
