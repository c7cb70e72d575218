package apptest_test

import (
	"context"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestFaults_AuditRefused has what an operator has added to the database refuse the audit entry: nothing is done that has none.
func TestFaults_AuditRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		url       func(testing.TB) string
		add, drop string
	}{
		{
			"SQLite trigger", storetest.SQLite,
			`CREATE TRIGGER own BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'no room'); END`,
			`DROP TRIGGER own`,
		},
		{
			"trigger", storetest.PostgreSQL,
			`CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$;
			CREATE TRIGGER own BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION own()`,
			`DROP FUNCTION own() CASCADE`,
		},
		{
			"deferred trigger", storetest.PostgreSQL,
			`CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$;
			CREATE CONSTRAINT TRIGGER own AFTER INSERT ON audit_entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own()`,
			`DROP FUNCTION own() CASCADE`,
		},
		{
			"constraint", storetest.PostgreSQL,
			`ALTER TABLE audit_entries ADD CONSTRAINT own CHECK (occurred_at < '2000-01-01') NOT VALID`,
			`ALTER TABLE audit_entries DROP CONSTRAINT own`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newActor(t, apptest.Start(t, c.url(t), nil))
			raw, err := a.Store.MigrationDB()
			must(t, err)
			defer raw.Close()
			_, err = raw.ExecContext(t.Context(), c.add)
			must(t, err)
			wantUnavailable(t, a.audited())
			wantReads(t, a)
			_, err = raw.ExecContext(context.WithoutCancel(t.Context()), c.drop)
			must(t, err)
			wantDone(t, a.acts())
			wantAccounted(t, a)
		})
	}
}
