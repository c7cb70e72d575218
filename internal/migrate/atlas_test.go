package migrate_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	atlas "ariga.io/atlas/sql/migrate"

	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// The tests of Atlas run atlas.hcl with the Atlas command line, which takes minutes to build and so must be there already. `make soak`
// builds it and runs them, as does
//
//	go build -o /tmp/atlas -modfile=internal/tools/atlas/go.mod -tags sqlite_fts5 ariga.io/atlas/cmd/atlas
//	ATLAS=/tmp/atlas go test -run TestAtlas ./internal/migrate
type atlasCommand struct {
	path, env, database string
}

func newAtlasCommand(t *testing.T, url string) *atlasCommand {
	t.Helper()
	path := os.Getenv("ATLAS")
	if path == "" {
		t.Skip("Atlas: not run: ATLAS does not name its command line: `make soak` does")
	}
	if file, ok := strings.CutPrefix(url, "sqlite://"); ok {
		return &atlasCommand{path, "local", "DATA_DIR=" + filepath.Dir(file)}
	}
	return &atlasCommand{path, "prod", "DATABASE_URL=" + url}
}

// try runs `atlas migrate`.
func (a *atlasCommand) try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), a.path, append(append([]string{"migrate"}, args...), "--env", a.env)...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), a.database, "ATLAS_NO_UPDATE_NOTIFIER=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (a *atlasCommand) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := a.try(t, args...)
	if err != nil {
		t.Fatalf("atlas migrate %v: %v\n%s", args, err, out)
	}
	return out
}

// upToDate checks that both say so.
func (a *atlasCommand) upToDate(t *testing.T, s *store.Store) {
	t.Helper()
	if out := a.run(t, "status"); !strings.Contains(out, "Migration Status: OK") {
		t.Errorf("status: %s", out)
	}
	if out := a.run(t, "apply"); !strings.Contains(out, "No migration files to execute") {
		t.Errorf("apply with nothing to do: %s", out)
	}
	if err := migrate.Check(t.Context(), s); err != nil {
		t.Error(err)
	}
	if applied, err := migrate.Up(t.Context(), s); err != nil || len(applied) > 0 {
		t.Errorf("with nothing to do: applied %v, error %v", applied, err)
	}
}

func TestAtlas_BeginsAndWeGoOn(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		a, s := newAtlasCommand(t, url), storetest.Open(t, url)
		a.run(t, "apply", "1")
		if applied, err := migrate.Up(t.Context(), s); err != nil || len(applied) == 0 {
			t.Fatalf("applied %v, error %v", applied, err)
		}
		a.upToDate(t, s)
	})
}

func TestAtlas_GoesOnWhereWeStopped(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		a, s := newAtlasCommand(t, url), storetest.Open(t, url)
		if applied, err := migrate.UpTo(t.Context(), s, first(t, s, 2)); err != nil || len(applied) != 2 {
			t.Fatalf("applied %v, error %v", applied, err)
		}
		if out := a.run(t, "status"); !strings.Contains(out, "Migration Status: PENDING") {
			t.Errorf("status: %s", out)
		}
		a.run(t, "apply")
		a.upToDate(t, s)
	})
}

// first returns the first n migrations.
func first(t *testing.T, s *store.Store, n int) atlas.Dir {
	t.Helper()
	all, err := migrate.Migrations(s.Dialect())
	if err != nil {
		t.Fatal(err)
	}
	files, err := all.Files()
	if err != nil {
		t.Fatal(err)
	}
	dir := new(atlas.MemDir)
	if err := dir.CopyFiles(files[:n]); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestAtlas_InterruptedIndex has one of the two fail at an index that is made concurrently, and the other go on.
func TestAtlas_InterruptedIndex(t *testing.T) {
	for _, atlasFirst := range []bool{true, false} {
		url := storetest.PostgreSQL(t)
		a, s, db := newAtlasCommand(t, url), storetest.Open(t, url), raw(t, url)
		dir := withIndexing(t, s)
		onDisk := written(t, dir)
		mustExec(t, db, insertUser, "a@example.com", "same")
		mustExec(t, db, insertUser, "b@example.com", "same")
		if atlasFirst {
			if out, err := a.try(t, "apply", "--dir", onDisk); err == nil {
				t.Fatalf("atlas: no error\n%s", out)
			}
		} else if _, err := migrate.UpTo(t.Context(), s, dir); err == nil {
			t.Fatal("no error")
		}
		mustExec(t, db, `UPDATE users SET display_name = email`)
		if atlasFirst {
			if applied, err := migrate.UpTo(t.Context(), s, dir); err != nil || !slices.Equal(applied, []string{indexingName}) {
				t.Fatalf("applied %v, error %v", applied, err)
			}
		} else {
			mustExec(t, db, `DROP INDEX users_display_name`) // which Atlas does not do: see docs/DATABASE.md
			a.run(t, "apply", "--dir", onDisk)
		}
		checkIndexed(t, db)
		if out := a.run(t, "status", "--dir", onDisk); !strings.Contains(out, "Migration Status: OK") {
			t.Errorf("status: %s", out)
		}
		if applied, err := migrate.UpTo(t.Context(), s, dir); err != nil || len(applied) > 0 {
			t.Errorf("with nothing to do: applied %v, error %v", applied, err)
		}
	}
}

// written writes the migrations to a folder, for Atlas, and returns its URL.
func written(t *testing.T, dir atlas.Dir) string {
	t.Helper()
	files, err := dir.Files()
	if err != nil {
		t.Fatal(err)
	}
	disk, err := atlas.NewLocalDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := disk.WriteFile(f.Name(), f.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := disk.Checksum()
	if err != nil {
		t.Fatal(err)
	}
	if err := atlas.WriteSumFile(disk, sum); err != nil {
		t.Fatal(err)
	}
	return "file://" + disk.Path()
}

// TestAtlas_LaterMigration: what a migration of a later release says of itself reaches the database.
func TestAtlas_LaterMigration(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		a, s := newAtlasCommand(t, url), storetest.Open(t, url)
		a.run(t, "apply", "--dir", "file://"+laterMigrations(t, s.Embedded()))
		if status, err := migrate.Compare(t.Context(), s); err != nil || !status.Ahead || status.Needs != "" {
			t.Errorf("%+v, %v", status, err)
		}
	})
}

// laterMigrations returns a folder of the migrations of one database and a later one.
func laterMigrations(t *testing.T, embedded bool) string {
	t.Helper()
	dir, database := t.TempDir(), "postgres"
	if embedded {
		database = "sqlite"
	}
	if err := os.CopyFS(dir, os.DirFS("../../ent/migrations/"+database)); err != nil {
		t.Fatal(err)
	}
	all, err := atlas.NewLocalDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	const expand = "INSERT INTO migration_compatibility (version, needs) VALUES ('" + later + "', '') ON CONFLICT DO NOTHING;\nCREATE TABLE teams (id int);\n"
	if err := all.WriteFile(later+"_later.sql", []byte(expand)); err != nil {
		t.Fatal(err)
	}
	sum, err := all.Checksum()
	if err != nil {
		t.Fatal(err)
	}
	if err := atlas.WriteSumFile(all, sum); err != nil {
		t.Fatal(err)
	}
	return dir
}
