package apptest_test

import (
	"net/http"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
)

// TestReadyz_SchemaChanges: a running server stays ready on a newer schema unless that needs newer programs.
func TestReadyz_SchemaChanges(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		const revision = ` (version, description, type, applied, total, executed_at, execution_time, hash, operator_version)
			VALUES ('29990101000000', 'later', 2, 1, 1, '2999-12-31 23:59:59+00:00', 1, 'h', 'x')`
		for _, c := range []struct {
			change string
			status int
			schema string
		}{
			{`INSERT INTO migration_compatibility (version, needs) VALUES ('29990101000000', '')`, http.StatusOK, "ok"},
			{`INSERT INTO atlas_schema_revisions` + revision, http.StatusOK, "ok"},
			{`UPDATE migration_compatibility SET needs = version`, http.StatusServiceUnavailable, "newer than this version can run on"},
			{`DELETE FROM migration_compatibility`, http.StatusServiceUnavailable, "newer than this version can run on"},
			{`DELETE FROM atlas_schema_revisions WHERE version = '29990101000000'`, http.StatusOK, "ok"},
			{`UPDATE atlas_schema_revisions SET applied = 0, error = 'canary' WHERE version = '20261130004906'`, http.StatusServiceUnavailable, "a migration stopped half-way"},
			{`DELETE FROM atlas_schema_revisions WHERE version = '20261130004906'`, http.StatusServiceUnavailable, "older than this version needs"},
		} {
			db, err := a.Store.MigrationDB()
			must(t, err)
			_, err = db.ExecContext(t.Context(), c.change)
			db.Close()
			must(t, err)
			if status, checks := readyz(t, a); status != c.status || checks["schema"] != c.schema {
				t.Errorf("after %s: %d %v, want %d %q", c.change, status, checks, c.status, c.schema)
			}
		}
	})
}
