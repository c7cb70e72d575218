package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ariga.io/atlas/sql/migrate"
)

// later is a migration as the next release may bring one: it changes tables that every call uses.
const (
	later    = "29990101000000"
	laterSQL = `INSERT INTO migration_compatibility (version, needs) VALUES ('` + later + `', '') ON CONFLICT DO NOTHING;
ALTER TABLE users ADD COLUMN phone text NULL;
ALTER TABLE credentials ADD COLUMN scope text NOT NULL DEFAULT '';
ALTER TABLE usage_records ADD COLUMN cost bigint NOT NULL DEFAULT 0;
ALTER TABLE reservations ADD COLUMN team text NULL;
CREATE TABLE teams (id text NOT NULL PRIMARY KEY);
CREATE INDEX user_phone ON users (phone);
`
)

// releases returns the paths of two releases of the program: as it is, and with the migration later. With PADDOCK_FROM=v1.2.0, or
// another commit, they are the program of that commit, and as it is.
func releases(t *testing.T) (before, next string) {
	t.Helper()
	commit := os.Getenv("PADDOCK_FROM")
	if commit == "" {
		next, err := buildNext()
		if err != nil {
			t.Fatal(err)
		}
		return built, next
	}
	before, err := buildCommit(commit)
	if err != nil {
		t.Fatal(err)
	}
	return before, built
}

// buildNext builds the next release, once.
var buildNext = sync.OnceValues(func() (path string, err error) {
	dir := filepath.Dir(built)
	replace := map[string]string{}
	for _, database := range []string{"postgres", "sqlite"} {
		original, err := filepath.Abs(filepath.Join("../../ent/migrations", database))
		if err != nil {
			return "", err
		}
		sum, err := sumWithLater(original)
		if err != nil {
			return "", err
		}
		for name, content := range map[string][]byte{later + "_later.sql": []byte(laterSQL), migrate.HashFileName: sum} {
			replaced := filepath.Join(dir, database+"_"+name)
			if err := os.WriteFile(replaced, content, 0o600); err != nil {
				return "", err
			}
			replace[filepath.Join(original, name)] = replaced
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return "", err
	}
	return built + "-next", build(".", "-overlay", file, "-o", built+"-next", ".")
})

// sumWithLater returns the sum of the migrations in the folder and later.
func sumWithLater(folder string) ([]byte, error) {
	dir, err := migrate.NewLocalDir(folder)
	if err != nil {
		return nil, err
	}
	files, err := dir.Files()
	if err != nil {
		return nil, err
	}
	all := new(migrate.MemDir)
	if err := all.CopyFiles(append(files, migrate.NewLocalFile(later+"_later.sql", []byte(laterSQL)))); err != nil {
		return nil, err
	}
	sum, err := all.Checksum()
	if err != nil {
		return nil, err
	}
	return sum.MarshalText()
}

var buildingCommit sync.Mutex

// buildCommit builds the program of a commit, once.
func buildCommit(commit string) (path string, err error) {
	buildingCommit.Lock()
	defer buildingCommit.Unlock()
	path = built + "-" + strings.ReplaceAll(commit, "/", "-")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	source := path + "-source"
	if err := os.Mkdir(source, 0o750); err != nil {
		return "", err
	}
	archive := exec.Command("git", "archive", commit)
	archive.Dir = "../.."
	content, err := archive.Output()
	if err != nil {
		return "", fmt.Errorf("%v: %w", archive, err)
	}
	unpack := exec.Command("tar", "-x", "-C", source)
	unpack.Stdin = bytes.NewReader(content)
	if err := unpack.Run(); err != nil {
		return "", fmt.Errorf("%v: %w", unpack, err)
	}
	return path, build(source, "-o", path, "./cmd/paddock")
}

func build(dir string, args ...string) error {
	command := exec.Command("go", append([]string{"build"}, args...)...)
	command.Dir = dir
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", command, err, out)
	}
	return nil
}
