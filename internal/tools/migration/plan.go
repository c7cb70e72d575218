package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"

	"ariga.io/atlas/sql/migrate"
	atlas "ariga.io/atlas/sql/schema"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	_ "modernc.org/sqlite"             // registers the driver "sqlite"

	entmigrate "github.com/paddock-gate/paddock/ent/db/migrate"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// databases are those that the migrations are written for. empty opens a database to replay them on.
var databases = []struct {
	name, dialect string
	empty         func(context.Context) (db *sql.DB, drop func() error, err error)
}{
	{"postgres", dialect.Postgres, emptyPostgres},
	{"sqlite", dialect.SQLite, emptySQLite},
}

// plan is a migration that brings the directory up to the schema.
type plan struct {
	dir  *migrate.LocalDir
	file migrate.File
}

// planAll returns a plan for each database whose migrations lack something.
func planAll(ctx context.Context, root, version, name string) ([]plan, error) {
	var plans []plan
	for _, d := range databases {
		dir, err := migrate.NewLocalDir(filepath.Join(root, d.name))
		if err != nil {
			return nil, err
		}
		db, drop, err := d.empty(ctx)
		if err != nil {
			return nil, err
		}
		file, err := planOne(ctx, entsql.OpenDB(d.dialect, db), dir, version, name)
		db.Close()
		if dropErr := drop(); err == nil {
			err = dropErr
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.name, err)
		}
		if file != nil {
			plans = append(plans, plan{dir, file})
		}
	}
	return plans, nil
}

// planOne returns nil when schema and directory agree. It plans on a copy in memory, since Ent writes what it plans.
func planOne(ctx context.Context, drv dialect.Driver, dir *migrate.LocalDir, version, name string) (migrate.File, error) {
	if err := migrate.Validate(dir); err != nil {
		return nil, fmt.Errorf("%w (after editing a migration by hand: `go run ./internal/tools/migration -hash`)", err)
	}
	files, err := dir.Files()
	if err != nil {
		return nil, err
	}
	copied := new(migrate.MemDir)
	if err := copied.CopyFiles(files); err != nil {
		return nil, err
	}
	m, err := schema.NewMigrate(drv,
		schema.WithDir(copied),
		schema.WithFormatter(stamped(version)),
		schema.WithMigrationMode(schema.ModeReplay),
		schema.WithDropColumn(true),
		schema.WithDropIndex(true),
		schema.WithIndent("  "),
		schema.WithDiffHook(keepHandWritten),
	)
	if err != nil {
		return nil, err
	}
	if err := m.NamedDiff(ctx, name, entmigrate.Tables...); err != nil {
		return nil, err
	}
	planned, err := copied.Files()
	if err != nil || len(planned) == len(files) {
		return nil, err
	}
	return planned[len(planned)-1], nil // the newest version sorts last
}

// handWritten are the indexes that Ent has no words for.
var handWritten = []string{"user_search_trigrams"}

func keepHandWritten(next schema.Differ) schema.Differ {
	return schema.DiffFunc(func(current, desired *atlas.Schema) ([]atlas.Change, error) {
		for _, t := range current.Tables {
			t.Indexes = slices.DeleteFunc(t.Indexes, func(i *atlas.Index) bool { return slices.Contains(handWritten, i.Name) })
		}
		return next.Diff(current, desired)
	})
}

// stamped formats as Atlas does, under the given version instead of the present second.
type stamped string

func (version stamped) Format(p *migrate.Plan) ([]migrate.File, error) {
	p.Version = string(version)
	return migrate.DefaultFormatter.Format(p)
}

func emptySQLite(context.Context) (*sql.DB, func() error, error) {
	db, err := sql.Open("sqlite", "file::memory:?_pragma=foreign_keys(1)")
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1) // each connection would have a database of its own
	return db, func() error { return nil }, nil
}

func emptyPostgres(ctx context.Context) (*sql.DB, func() error, error) {
	url, drop, err := storetest.EmptyDatabase(ctx)
	if err != nil {
		return nil, nil, err
	}
	db, err := sql.Open("pgx", url)
	return db, drop, err
}
