package apptest_test

import (
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/config"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/janitor"
	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// The roles of deploy/postgres/roles.sql.
const (
	ownerRole = "paddock_migrate"
	appRole   = "paddock_app"
)

// asRole returns the URL of the database for another role.
func asRole(t *testing.T, database, role string) string {
	t.Helper()
	u, err := url.Parse(database)
	must(t, err)
	u.User = url.User(role)
	return u.String()
}

// runSQL runs statements, without arguments, as the role that the URL names.
func runSQL(t *testing.T, database, statements string) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	must(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), statements)
	return err
}

// makeRoles runs deploy/postgres/roles.sql.
func makeRoles(t *testing.T, database string) {
	t.Helper()
	file, err := os.ReadFile("../../deploy/postgres/roles.sql")
	must(t, err)
	must(t, runSQL(t, database, string(file)))
}

// migrateAsOwner migrates as paddock_migrate.
func migrateAsOwner(t *testing.T, database string) {
	t.Helper()
	s := storetest.Open(t, asRole(t, database, ownerRole))
	applied, err := migrate.Up(t.Context(), s)
	if err != nil || len(applied) == 0 {
		t.Fatalf("migrate as %s: applied %v, %v", ownerRole, applied, err)
	}
	const indexed = "SELECT to_regclass('user_search_trigrams') IS NOT NULL OR NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm')"
	var ok bool
	if err := s.DB().QueryRowContext(t.Context(), indexed).Scan(&ok); err != nil || !ok {
		t.Errorf("%s may not make the extension of an index: %v", ownerRole, err)
	}
}

// TestRoles_NewDatabase makes the roles, migrates as one of them and serves as the other.
func TestRoles_NewDatabase(t *testing.T) {
	t.Parallel()
	database := storetest.NewCluster(t).EmptyDatabase(t)
	makeRoles(t, database)
	migrateAsOwner(t, database)
	app := asRole(t, database, appRole)
	must(t, runSQL(t, app, addEntry))
	for _, statement := range changeEntries { // the trigger's work, until the roles are made again
		if err := runSQL(t, app, statement); err == nil {
			t.Errorf("%s may: %s", appRole, statement)
		}
	}
	makeRoles(t, database)
	makeRoles(t, database)
	wantServer(t, app)
	wantForbidden(t, app)
	wantLaterTables(t, database)
}

// TestRoles_EntryWaitsToBeSealed: an entry is noted for sealing whoever adds it, and whatever tables they put before the one for that.
func TestRoles_EntryWaitsToBeSealed(t *testing.T) {
	t.Parallel()
	database := storetest.PostgreSQL(t)
	must(t, runSQL(t, database, "CREATE TEMP TABLE unsealed_entries (id uuid);"+addEntry))
	must(t, runSQL(t, database, "GRANT INSERT ON audit_entries TO pg_read_all_settings; SET ROLE pg_read_all_settings;"+addEntry))
	s := storetest.Open(t, database)
	var waiting int
	must(t, s.DB().QueryRowContext(t.Context(), "SELECT count(*) FROM unsealed_entries").Scan(&waiting))
	if waiting != 2 {
		t.Errorf("%d entries of 2 wait to be sealed", waiting)
	}
}

// TestRoles_DatabaseInUse makes the roles in a database that one role alone has used, which is no superuser, and which makes
// the roles.
func TestRoles_DatabaseInUse(t *testing.T) {
	t.Parallel()
	database := storetest.NewCluster(t).EmptyDatabase(t)
	u, err := url.Parse(database)
	must(t, err)
	must(t, runSQL(t, database, "CREATE ROLE app LOGIN CREATEROLE; ALTER SCHEMA public OWNER TO app; ALTER DATABASE "+u.Path[1:]+" OWNER TO app"))
	before := asRole(t, database, "app")
	s := storetest.Open(t, before)
	_, err = migrate.Up(t.Context(), s)
	must(t, err)
	must(t, runSQL(t, before, addEntry))
	makeRoles(t, before)
	app := asRole(t, database, appRole)
	wantServer(t, app)
	wantForbidden(t, app)
	wantLaterTables(t, database)
	if applied, err := migrate.Up(t.Context(), storetest.Open(t, asRole(t, database, ownerRole))); err != nil || len(applied) > 0 {
		t.Errorf("migrate again as %s: applied %v, %v", ownerRole, applied, err)
	}
}

// wantServer runs a server and uses each of its services.
func wantServer(t *testing.T, database string) {
	t.Helper()
	a := apptest.Start(t, database, apptest.Env{"RATE_LIMIT_PER_MINUTE": "600", "DEFAULT_TOKENS_PER_DAY": "1000000"})
	must(t, migrate.Check(t.Context(), a.Store))
	admin := a.Admin()
	p := a.NewPerson(t, "user")
	user := a.As(p.Key)
	stream, err := user.Ollama.Chat(t.Context(), &paddockv1.ChatRequest{Model: "tiny-chat", Messages: hi})
	must(t, err)
	for stream.Receive() {
	}
	must(t, stream.Err())
	_, err = user.Ollama.Embed(t.Context(), &paddockv1.EmbedRequest{Model: "tiny-embed", Input: []string{"x"}})
	must(t, err)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) { // calls are settled after their answers
		usage, err := user.Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{})
		must(t, err)
		if usage.GetRows()[0].GetRequests() == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("usage %v", usage)
		}
	}
	_, err = admin.Usage.SetQuota(t.Context(), &paddockv1.SetQuotaRequest{UserId: p.GetId(), TokensPerDay: new(int64(5))})
	must(t, err)
	rotated, err := user.Credentials.RotateCredential(t.Context(), &paddockv1.RotateCredentialRequest{Id: p.KeyID})
	must(t, err)
	_, err = admin.Credentials.RevokeCredential(t.Context(), &paddockv1.RevokeCredentialRequest{Id: rotated.GetCredential().GetId()})
	must(t, err)
	_, err = a.As(p.Token).Auth.ChangePassword(t.Context(), &paddockv1.ChangePasswordRequest{CurrentPassword: p.Password, NewPassword: "another of theirs"})
	must(t, err)
	login := a.Login(t, p.GetEmail(), "another of theirs")
	_, err = a.As("").Auth.Refresh(t.Context(), &paddockv1.RefreshRequest{RefreshToken: login.GetRefreshToken()})
	must(t, err)
	_, err = a.As(login.GetAccessToken()).Auth.Logout(t.Context(), &paddockv1.LogoutRequest{})
	must(t, err)
	_, err = admin.Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: p.GetId(), Active: new(false)})
	must(t, err)
	_, err = admin.Users.DeleteUser(t.Context(), &paddockv1.DeleteUserRequest{Id: p.GetId()})
	must(t, err)
	_, err = admin.Overview.GetOverview(t.Context(), &paddockv1.GetOverviewRequest{})
	must(t, err)
	if n := len(a.Entries(t, "user_deleted")); n != 1 {
		t.Errorf("%d entries of the deletion", n)
	}
	wantSweep(t, a)
	must(t, a.Stop())
}

// wantSweep makes a session that has long expired and has the janitor delete it.
func wantSweep(t *testing.T, a *apptest.App) {
	t.Helper()
	a.Login(t, apptest.AdminEmail, apptest.AdminPassword)
	must(t, runSQL(t, a.Database, "UPDATE sessions SET expires_at = '2020-01-01'"))
	if deleted, err := janitor.New(a.Store, audit.Open(a.Store), config.Retain{}).Sweep(t.Context()); err != nil || deleted == 0 {
		t.Errorf("janitor: deleted %d, %v", deleted, err)
	}
}

const addEntry = `INSERT INTO audit_entries (id, event_type, occurred_at, actor_email, ip, user_agent, request_id, outcome, detail)
	VALUES (gen_random_uuid(), 'logout', now(), '', '', '', '', 'success', '')`

var changeEntries = []string{
	"UPDATE audit_entries SET detail = 'x'", "DELETE FROM audit_entries", "TRUNCATE audit_entries", "TRUNCATE audit_entries, users CASCADE",
	"INSERT INTO audit_entries SELECT * FROM audit_entries ON CONFLICT (id) DO UPDATE SET detail = 'x'",
	"MERGE INTO audit_entries a USING users u ON a.actor_user_id = u.id WHEN MATCHED THEN DELETE",
}

// wantForbidden tries what paddock_app must not do.
func wantForbidden(t *testing.T, database string) {
	t.Helper()
	must(t, runSQL(t, database, addEntry))
	must(t, runSQL(t, database, "GRANT ALL ON audit_entries TO paddock_app")) // a warning that it grants nothing
	for _, statement := range append([]string{
		"ALTER TABLE audit_entries DISABLE TRIGGER ALL", "DROP TRIGGER audit_entries_are_immutable ON audit_entries",
		"DROP TABLE audit_entries", "ALTER TABLE audit_entries RENAME TO entries", "ALTER TABLE audit_entries OWNER TO paddock_app",
		"CREATE OR REPLACE FUNCTION audit_entries_are_immutable() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
		"DROP FUNCTION audit_entries_are_immutable CASCADE", "CREATE RULE r AS ON INSERT TO audit_entries DO INSTEAD NOTHING",
		"CREATE TRIGGER t BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
		"SET session_replication_role = replica", "SET ROLE paddock_migrate", "SET SESSION AUTHORIZATION paddock_migrate",
		"BEGIN; LOCK TABLE audit_entries IN ACCESS EXCLUSIVE MODE", "GRANT paddock_migrate TO paddock_app",
		"ALTER TABLE users ADD COLUMN x int", "CREATE INDEX x ON users (email)", "TRUNCATE users", "CREATE TABLE x (id int)", "CREATE SCHEMA x",
		"CREATE TEMPORARY TABLE x (id int)", "CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
		"UPDATE atlas_schema_revisions SET hash = 'x'", "DELETE FROM atlas_schema_revisions",
		"INSERT INTO atlas_schema_revisions SELECT * FROM atlas_schema_revisions", "ALTER ROLE paddock_app SUPERUSER", "CREATE ROLE x",
		"ALTER DEFAULT PRIVILEGES FOR ROLE paddock_migrate GRANT ALL ON TABLES TO paddock_app", "DROP OWNED BY paddock_migrate",
	}, changeEntries...) {
		err := runSQL(t, database, statement)
		denied, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || denied.Code != "42501" && !(denied.Code == "42601" && strings.HasPrefix(statement, "MERGE")) { // PostgreSQL 15 knows MERGE
			t.Errorf("%s: %v, want insufficient_privilege", statement, err)
		}
	}
}

// wantLaterTables checks that the app may use a table of a later migration.
func wantLaterTables(t *testing.T, database string) {
	t.Helper()
	must(t, runSQL(t, asRole(t, database, ownerRole), "CREATE TABLE later (id bigserial PRIMARY KEY, other bigint GENERATED ALWAYS AS IDENTITY, x text)"))
	for _, statement := range []string{"INSERT INTO later (x) VALUES ('a')", "SELECT * FROM later", "UPDATE later SET x = 'b'", "DELETE FROM later"} {
		if err := runSQL(t, asRole(t, database, appRole), statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

// TestRoles_OtherDatabase checks that roles made for another database of the server serve this one as well.
func TestRoles_OtherDatabase(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t)
	for range 2 {
		database := cluster.EmptyDatabase(t)
		makeRoles(t, database)
		migrateAsOwner(t, database)
		makeRoles(t, database)
		must(t, runSQL(t, asRole(t, database, appRole), addEntry))
	}
}
