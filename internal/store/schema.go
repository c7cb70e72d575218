package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
)

// What CheckSchema finds.
var (
	ErrSchemaBehind = errors.New("the database's schema is older than this program: run `paddock migrate`")
	ErrSchemaAhead  = errors.New("the database's schema is newer than this program: run a newer paddock" +
		" (`paddock migrate` only goes forward)")
	ErrSchemaBroken = errors.New("a migration stopped half-way: look at it with `atlas migrate status`, repair it, then run" +
		" `paddock migrate`")
)

// SchemaStatus compares the database's schema with the migrations in this binary. A version is a migration's time stamp,
// "20060102150405".
type SchemaStatus struct {
	Current string   // newest version that was applied; "" when none was
	Latest  string   // newest version that this binary knows
	Pending []string // file names of the migrations to apply, in order
	Ahead   bool     // this binary does not know Current
}

// Schema tells where the database's schema stands.
func (s *Store) Schema(ctx context.Context) (SchemaStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	dir, err := migrations(s.dialect)
	if err != nil {
		return SchemaStatus{}, err
	}
	status, _, err := s.pending(ctx, dir, s.sql)
	return status, wrapAway(err)
}

// CheckSchema fails with ErrSchemaBehind, ErrSchemaAhead or ErrSchemaBroken unless the schema is the one that this binary
// was made for.
func (s *Store) CheckSchema(ctx context.Context) error {
	status, err := s.Schema(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("check schema: %w", err)
	case status.Ahead:
		return status.ahead()
	case len(status.Pending) > 0:
		return fmt.Errorf("%w (pending: %v)", ErrSchemaBehind, status.Pending)
	}
	return nil
}

func (s SchemaStatus) ahead() error {
	return fmt.Errorf("%w (it is at %s, this program knows up to %s)", ErrSchemaAhead, s.Current, s.Latest)
}

// pending compares the revisions in db with the migrations in dir.
func (s *Store) pending(ctx context.Context, dir migrate.Dir, db schema.ExecQuerier) (SchemaStatus, []migrate.File, error) {
	var status SchemaStatus
	known, err := dir.Files()
	if err != nil {
		return status, nil, err
	}
	status.Latest = known[len(known)-1].Version()
	applied, err := revisions{db, s.dialect}.ReadRevisions(ctx)
	if err != nil {
		return status, nil, err
	}
	if len(applied) > 0 {
		newest := applied[len(applied)-1]
		status.Current = newest.Version
		if newest.Error != "" || newest.Applied < newest.Total {
			return status, nil, fmt.Errorf("%w (%s_%s, after %d of %d statements: %s)", ErrSchemaBroken,
				newest.Version, newest.Description, newest.Applied, newest.Total, newest.Error)
		}
		if !slices.ContainsFunc(known, func(f migrate.File) bool { return f.Version() == newest.Version }) {
			status.Ahead = true
			return status, nil, nil
		}
	}
	executor, err := newExecutor(s.dialect, dir, db)
	if err != nil {
		return status, nil, err
	}
	pending, err := executor.Pending(ctx)
	if err != nil && !errors.Is(err, migrate.ErrNoPendingFiles) {
		return status, nil, err
	}
	for _, f := range pending {
		status.Pending = append(status.Pending, f.Name())
	}
	return status, pending, nil
}
