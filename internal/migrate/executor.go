package migrate

import (
	"context"
	"fmt"
	"io/fs"
	"path"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
	"entgo.io/ent/dialect"

	"github.com/paddock-gate/paddock/ent"
)

// migrations is the embedded migration directory of a database, with its sum.
func migrations(dialectName string) (*atlas.MemDir, error) {
	name := "migrations/postgres"
	if dialectName == dialect.SQLite {
		name = "migrations/sqlite"
	}
	entries, err := fs.ReadDir(ent.Migrations, name)
	if err != nil {
		return nil, err
	}
	dir := new(atlas.MemDir)
	for _, e := range entries {
		content, err := ent.Migrations.ReadFile(path.Join(name, e.Name()))
		if err != nil {
			return nil, err
		}
		if err := dir.WriteFile(e.Name(), content); err != nil {
			return nil, err
		}
	}
	return dir, atlas.Validate(dir)
}

func newExecutor(dialectName string, dir atlas.Dir, db schema.ExecQuerier) (*atlas.Executor, error) {
	open := postgres.Open
	if dialectName == dialect.SQLite {
		open = sqlite.Open
	}
	drv, err := open(db)
	if err != nil {
		return nil, err
	}
	return atlas.NewExecutor(oneSchema{drv}, dir, revisions{db, dialectName}, atlas.WithOperatorVersion("Paddock"))
}

// oneSchema minds only the schema that our tables live in: others in the same database, which managed PostgreSQL likes
// to bring along, do not stand in the way.
type oneSchema struct{ atlas.Driver }

// CheckClean fails when a database without revisions has tables all the same.
func (d oneSchema) CheckClean(ctx context.Context, revisions *atlas.TableIdent) error {
	s, err := d.InspectSchema(ctx, "", &schema.InspectOptions{Mode: schema.InspectTables})
	if err != nil {
		return err
	}
	for _, t := range s.Tables {
		if t.Name != revisions.Name {
			return fmt.Errorf("the database is neither empty nor Paddock's: it has a table %q and no migration history", t.Name)
		}
	}
	return nil
}

// ScanStmts splits a file as the driver does, which knows where the body of a trigger ends.
func (d oneSchema) ScanStmts(input string) ([]*atlas.Stmt, error) {
	if scanner, ok := d.Driver.(atlas.StmtScanner); ok {
		return scanner.ScanStmts(input)
	}
	return atlas.Stmts(input)
}
