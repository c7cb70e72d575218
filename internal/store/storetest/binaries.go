package storetest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

var errNoPostgres = errors.New("no PostgreSQL server to test with: run `make test`, which installs one, or `apt-get install postgresql`, " +
	"or set PG_BIN to the folder with initdb and postgres, or TEST_DATABASE_URL to a server where databases may be created")

// serverBinaries is the folder with initdb and postgres: $PG_BIN, that of the postgres on PATH, or the newest of Debian's.
func serverBinaries() (string, error) {
	candidates := []string{os.Getenv("PG_BIN")}
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			candidates = append(candidates, filepath.Dir(path))
		}
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(debian, func(a, b string) int { return majorVersion(b) - majorVersion(a) })
	for _, dir := range append(candidates, debian...) {
		if dir != "" && isExecutable(filepath.Join(dir, "initdb")) && isExecutable(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	return "", errNoPostgres
}

func majorVersion(debianBin string) int {
	v, _ := strconv.Atoi(filepath.Base(filepath.Dir(debianBin)))
	return v
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
