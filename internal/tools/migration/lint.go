package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"ariga.io/atlas/sql/migrate"

	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// atlasCommand is the Atlas command line that lints: the last versions of it that do so without an account. `go tool` knows no tags.
var atlasCommand = []string{"go", "run", "-modfile=internal/tools/atlas/go.mod", "-tags", "sqlite_fts5", "ariga.io/atlas/cmd/atlas"}

// lint holds the migrations that the commit base does not have to the rules in atlas.hcl, for both databases. root is
// ent/migrations of a repository.
func lint(ctx context.Context, atlas []string, root, base string, out io.Writer) error {
	repository := filepath.Join(root, "..", "..")
	devURL, drop, err := storetest.EmptyDatabase(ctx)
	if err != nil {
		return err
	}
	var faults error
	for _, d := range databases {
		n, err := countNew(ctx, repository, filepath.Join(root, d.name), base)
		if err == nil && n > 0 {
			err = lintNewest(ctx, atlas, repository, d.name, devURL, n, out)
		}
		if err != nil {
			faults = errors.Join(faults, fmt.Errorf("%s: %w", d.name, err))
			continue
		}
		fmt.Fprintf(out, "%s: %d new migrations, no findings\n", d.name, n)
	}
	return errors.Join(faults, drop())
}

// countNew returns how many migrations in the directory the commit does not have; new ones come last.
func countNew(ctx context.Context, repository, path, base string) (int, error) {
	dir, err := migrate.NewLocalDir(path)
	if err != nil {
		return 0, err
	}
	files, err := dir.Files()
	if err != nil {
		return 0, err
	}
	relative, err := filepath.Rel(repository, path)
	if err != nil {
		return 0, err
	}
	git := exec.CommandContext(ctx, "git", "ls-tree", "--name-only", base, relative+"/")
	git.Dir = repository
	listed, err := git.Output()
	if err != nil {
		return 0, fmt.Errorf("%v: %w (a shallow clone? fetch %s)", git, err, base)
	}
	old := 0
	for name := range strings.FieldsSeq(string(listed)) {
		if strings.HasSuffix(name, ".sql") {
			old++
		}
	}
	return len(files) - old, nil
}

func lintNewest(ctx context.Context, atlas []string, repository, name, devURL string, n int, out io.Writer) error {
	env := "ci"
	if name == "sqlite" {
		env = "ci-sqlite"
	}
	args := append(atlas[1:len(atlas):len(atlas)], "migrate", "lint", "--env", env, "--latest", strconv.Itoa(n))
	cmd := exec.CommandContext(ctx, atlas[0], args...)
	cmd.Dir = repository
	cmd.Env = append(cmd.Environ(), "ATLAS_DEV_URL="+devURL, "ATLAS_NO_UPDATE_NOTIFIER=1")
	found, err := cmd.CombinedOutput()
	if _, writeErr := out.Write(found); writeErr != nil {
		return writeErr
	}
	if err == nil && len(found) > 0 { // it exits with 0 when all that is wrong is a missing "-- atlas:txmode none"
		err = errors.New("findings")
	}
	return err
}
