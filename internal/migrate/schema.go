package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"

	"github.com/paddock-gate/paddock/internal/store"
)

// What Check finds.
var (
	ErrBehind = errors.New("the database's schema is older than this program: run `paddock migrate`")
	ErrAhead  = errors.New("the database's schema is newer than this program can run on: run a newer paddock" +
		" (`paddock migrate` only goes forward)")
	ErrBroken = errors.New("a migration stopped half-way: look at it with `atlas migrate status`, repair it, then run" +
		" `paddock migrate`")
)

// Status compares the database's schema with the migrations in this binary. A version is a migration's time stamp,
// "20060102150405".
type Status struct {
	Current string   // newest version that was applied; "" when none was
	Latest  string   // newest version that this binary knows
	Pending []string // file names of the migrations to apply, in order
	Ahead   bool     // this binary does not know all that was applied
	Needs   string   // a version that programs must know to run on an Ahead schema, and this binary does not; "": it may run
}

// Compare returns where the database's schema stands.
func Compare(ctx context.Context, s *store.Store) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, store.StatementTimeout)
	defer cancel()
	dir, err := migrations(s.Dialect())
	if err != nil {
		return Status{}, err
	}
	status, _, err := pendingIn(ctx, s.Dialect(), dir, s.DB())
	return status, store.WrapAway(err)
}

// Check fails with ErrBehind, ErrAhead or ErrBroken unless this binary may run on the schema: it is the one that it was made for, or a
// newer one that is compatible.
func Check(ctx context.Context, s *store.Store) error {
	status, err := Compare(ctx, s)
	switch {
	case err != nil:
		return fmt.Errorf("check schema: %w", err)
	case status.Needs != "":
		return status.ahead()
	case len(status.Pending) > 0:
		return fmt.Errorf("%w (pending: %v)", ErrBehind, status.Pending)
	}
	return nil
}

func (s Status) ahead() error {
	return fmt.Errorf("%w (it is at %s, for programs that know %s; this one knows up to %s)", ErrAhead, s.Current, s.Needs, s.Latest)
}

// pendingIn compares the revisions in db with the migrations in dir.
func pendingIn(ctx context.Context, dialectName string, dir atlas.Dir, db schema.ExecQuerier) (Status, []atlas.File, error) {
	var status Status
	known, err := dir.Files()
	if err != nil {
		return status, nil, err
	}
	status.Latest = known[len(known)-1].Version()
	revs := revisions{db, dialectName}
	applied, err := revs.ReadRevisions(ctx)
	if err != nil {
		return status, nil, err
	}
	if len(applied) > 0 {
		newest := applied[len(applied)-1]
		status.Current = newest.Version
		unknown := slices.DeleteFunc(slices.Clone(applied), func(rev *atlas.Revision) bool {
			return slices.ContainsFunc(known, func(f atlas.File) bool { return f.Version() == rev.Version })
		})
		if len(unknown) > 0 {
			status.Ahead = true
			status.Needs, err = revs.needs(ctx, applied, unknown, known)
			return status, nil, err
		}
		if (newest.Error != "" || newest.Applied < newest.Total) && !isResumable(newest, known) {
			return status, nil, fmt.Errorf("%w (%s_%s, after %d of %d statements: %s)", ErrBroken,
				newest.Version, newest.Description, newest.Applied, newest.Total, newest.Error)
		}
	}
	executor, err := newExecutor(dialectName, dir, db)
	if err != nil {
		return status, nil, err
	}
	pending, err := executor.Pending(ctx)
	if err != nil && !errors.Is(err, atlas.ErrNoPendingFiles) {
		return status, nil, err
	}
	for _, f := range pending {
		status.Pending = append(status.Pending, f.Name())
	}
	return status, pending, nil
}
