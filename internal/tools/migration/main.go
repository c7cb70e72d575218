// Command migration writes the versioned migrations in ent/migrations of the schema in ent/schema, for both databases and
// without the Atlas command line:
//
//	go run ./internal/tools/migration -name what_changed   # write what the schema has and the migrations lack
//	go run ./internal/tools/migration -name what_changed -needs 20261129155000   # a change that programs must know that migration for
//	go run ./internal/tools/migration -hash                # renew atlas.sum after editing a migration by hand
//	go run ./internal/tools/migration -check               # fail when schema and migrations disagree, or a migration does not say who may run on it
//
// It replays the migrations on an empty database (SQLite in memory; a PostgreSQL database as storetest makes them) and
// compares the outcome with the schema. With -lint origin/main it has the Atlas command line hold the migrations that the
// commit lacks to the rules in atlas.hcl. Run it in the module's root.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"ariga.io/atlas/sql/migrate"
)

const root = "ent/migrations"

func main() {
	if err := run(context.Background(), os.Args[1:], root, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "migration:", err)
		os.Exit(1)
	}
}

var validName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func run(ctx context.Context, args []string, root string, out io.Writer) error {
	flags := flag.NewFlagSet("migration", flag.ContinueOnError)
	name := flags.String("name", "", "write a migration of this `name`, in snake_case")
	needs := flags.String("needs", "", "programs must know the migration of this `version` to run on the new one; none: all may")
	hash := flags.Bool("hash", false, "renew atlas.sum")
	check := flags.Bool("check", false, "fail when schema and migrations disagree")
	against := flags.String("lint", "", "hold migrations that this `commit` lacks to the rules in atlas.hcl")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case *against != "":
		return lint(ctx, atlasCommand, root, *against, out)
	case *hash:
		return renewSums(root)
	case *check:
		return checkAll(ctx, root)
	case validName.MatchString(*name):
		return write(ctx, root, *name, *needs, out)
	}
	return errors.New("say -name what_changed (lower case, digits and underscores), -hash, -check or -lint commit")
}

// write plans for both databases before it writes for either, under the same version.
func write(ctx context.Context, root, name, needs string, out io.Writer) error {
	plans, err := planAll(ctx, root, migrate.NewVersion(), name)
	if err != nil {
		return err
	}
	if len(plans) == 0 {
		_, err := fmt.Fprintln(out, "schema and migrations agree: nothing to write")
		return err
	}
	for _, p := range plans {
		if err := p.dir.WriteFile(p.file.Name(), withCompatibility(p.file, needs).Bytes()); err != nil {
			return err
		}
		if err := renewSum(p.dir); err != nil {
			return err
		}
		fmt.Fprintln(out, filepath.Join(p.dir.Path(), p.file.Name()))
	}
	return nil
}

func checkAll(ctx context.Context, root string) error {
	plans, err := planAll(ctx, root, migrate.NewVersion(), "missing")
	if err != nil {
		return err
	}
	var missing error
	for _, p := range plans {
		missing = errors.Join(missing, fmt.Errorf("%s lacks:\n%s", p.dir.Path(), p.file.Bytes()))
	}
	if missing != nil {
		return fmt.Errorf("schema and migrations disagree: run `make migration name=what_changed`\n%w", missing)
	}
	var dirs [2]migrate.Dir
	for i, d := range databases {
		if dirs[i], err = migrate.NewLocalDir(filepath.Join(root, d.name)); err != nil {
			return err
		}
	}
	return checkCompatibility(dirs[0], dirs[1])
}

func renewSums(root string) error {
	for _, d := range databases {
		dir, err := migrate.NewLocalDir(filepath.Join(root, d.name))
		if err != nil {
			return err
		}
		if err := renewSum(dir); err != nil {
			return err
		}
	}
	return nil
}

func renewSum(dir *migrate.LocalDir) error {
	sum, err := dir.Checksum()
	if err != nil {
		return err
	}
	return migrate.WriteSumFile(dir, sum)
}
