package migrate_test

import (
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// applied writes the revision of a migration that this program does not know, after so many of its three statements.
func applied(t *testing.T, db *sql.DB, version string, statements int) {
	t.Helper()
	mustExec(t, db, `INSERT INTO atlas_schema_revisions (version, description, type, applied, total, executed_at, execution_time, hash,
		operator_version) VALUES ($1, 'later', 2, $2, 3, '2999-12-31 23:59:59+00:00', 1, 'h', 'x')`, version, statements)
}

// needs writes what such a migration says of itself.
func needs(t *testing.T, db *sql.DB, version, needed string) {
	t.Helper()
	mustExec(t, db, `INSERT INTO migration_compatibility (version, needs) VALUES ($1, $2)`, version, needed)
}

const (
	later      = "29990101000000"
	evenLater  = "29990102000000"
	immutable  = "20261122222142" // a migration that this program knows
	unfinished = 1
	whole      = 3
)

func TestCheck_NewerSchema(t *testing.T) {
	for name, c := range map[string]struct {
		newer        func(t *testing.T, db *sql.DB)
		incompatible string // the version that it names
	}{
		"Expand": {func(t *testing.T, db *sql.DB) {
			applied(t, db, later, whole)
			needs(t, db, later, "")
		}, ""},
		"ContractOfTheReleaseBefore": {func(t *testing.T, db *sql.DB) {
			applied(t, db, later, whole)
			needs(t, db, later, immutable)
		}, ""},
		"ContractOfALaterOne": {func(t *testing.T, db *sql.DB) {
			applied(t, db, later, whole)
			needs(t, db, later, "")
			applied(t, db, evenLater, whole)
			needs(t, db, evenLater, later)
		}, later},
		"SaysNothing": {func(t *testing.T, db *sql.DB) { applied(t, db, later, whole) }, later},
		"ExpandStillRuns": {func(t *testing.T, db *sql.DB) {
			applied(t, db, later, unfinished)
			needs(t, db, later, "")
		}, ""},
		"ContractStillRuns": {func(t *testing.T, db *sql.DB) {
			applied(t, db, later, unfinished)
			needs(t, db, later, evenLater)
		}, evenLater},
		"NotBegun": {func(t *testing.T, db *sql.DB) { applied(t, db, later, 0) }, ""},
		"AnotherBranch": {func(t *testing.T, db *sql.DB) {
			applied(t, db, later, whole)
			needs(t, db, later, "")
			mustExec(t, db, `DELETE FROM atlas_schema_revisions WHERE version = $1`, immutable)
		}, later},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, url string) {
				s := storetest.Open(t, url)
				c.newer(t, raw(t, url))
				check := migrate.Check(t.Context(), s)
				pending, up := migrate.Up(t.Context(), s)
				for _, err := range []error{check, up} {
					if c.incompatible == "" && err != nil {
						t.Error(err)
					}
					if c.incompatible != "" && (!errors.Is(err, migrate.ErrAhead) || !strings.Contains(err.Error(), "programs that know "+c.incompatible)) {
						t.Errorf("got %v, want ErrAhead for want of %s", err, c.incompatible)
					}
				}
				if len(pending) > 0 {
					t.Errorf("applied %v", pending)
				}
				status, err := migrate.Compare(t.Context(), s)
				if err != nil || !status.Ahead || status.Needs != c.incompatible || !slices.Contains([]string{later, evenLater}, status.Current) {
					t.Errorf("%+v, %v", status, err)
				}
			})
		})
	}
}
