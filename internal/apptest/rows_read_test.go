package apptest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

const mass = 30_000

// fill inserts many users, of whom few are admins and few inactive, entries of which few were denied, and usage records of
// one person and of others.
func fill(t *testing.T, a *apptest.App, person string) {
	t.Helper()
	ids := `(lpad(to_hex(i), 8, '0') || '-0000-7000-8000-000000000000')::uuid`
	times := `now() - (30000 - i) * interval '2 minutes'`
	for _, statement := range []string{
		`INSERT INTO users (id, email, display_name, search, active, created_at, updated_at) SELECT ` + ids + `, 'u'||i||'@example.com', 'U '||i, 'u'||i||'@example.com', ` +
			`i % 10000 <> 1, ` + times + `, now() FROM generate_series(1, 30000) i`,
		`INSERT INTO user_roles (user_id, role_id) SELECT id, 'user' FROM users WHERE email LIKE 'u%@example.com'`,
		`INSERT INTO audit_entries (id, event_type, occurred_at, actor_user_id, actor_email, target_user_id, ip, user_agent, request_id, outcome, detail) SELECT ` + ids + `, ` +
			`CASE WHEN i < 10 THEN 'password_set' WHEN i % 2 = 0 THEN 'login_success' ELSE 'user_updated' END, ` + times + `, ` + ids + `, 'x', ` + ids + `, '', '', '', ` +
			`CASE WHEN i < 5 THEN 'denied' WHEN i % 3 = 0 THEN 'failure' ELSE 'success' END, '' FROM generate_series(1, 30000) i`,
		`INSERT INTO usage_records (id, user_id, kind, model, prompt_tokens, completion_tokens, duration_ms, outcome, estimated, day, started_at) SELECT ` + ids + `, ` +
			`CASE WHEN i % 2 = 0 THEN '` + person + `'::uuid ELSE ` + ids + ` END, 'chat', 'm', 1, 1, 1, 'ok', FALSE, to_char((` + times + `) AT TIME ZONE 'UTC', 'YYYY-MM-DD'), ` + times + ` FROM generate_series(1, 30000) i`,
		`INSERT INTO credentials (id, user_id, label, key_id, key_hash, created_at) SELECT ` + ids + `, ` + ids + `, '', 'k'||i, '', now() FROM generate_series(1, 30000) i`,
		`INSERT INTO sessions (id, user_id, refresh_salt, generation, rotated_at, created_at, last_seen_at, refresh_expires_at, expires_at, ip, user_agent) SELECT ` + ids + `, ` + ids + `, ` +
			`'', 0, now(), now(), now(), now() + interval '1 day', now() + interval '1 day', '', '' FROM generate_series(1, 30000) i`,
		`DELETE FROM unsealed_entries`, // or sealing them would count
		`VACUUM ANALYZE`,               // as autovacuum does; a fresh index of trigrams is a list that is searched from end to end
	} {
		if _, err := a.Store.DB().ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%v: %s", err, statement)
		}
	}
}

// boundedCall is a call that reads at most so many rows of tables and indexes, however many there are.
type boundedCall struct {
	name string
	most int64
	call func() error
}

// boundedCalls are calls of all lists and reports by an admin, or by the person, among whom other is one of many.
func boundedCalls(t *testing.T, a *apptest.App, p *apptest.Person, other string) []boundedCall {
	t.Helper()
	admin, own := a.Admin(), a.As(p.Key)
	list := func(req *paddockv1.ListUsersRequest) func() error {
		return func() error { _, err := admin.Users.ListUsers(t.Context(), req); return err }
	}
	entries := func(req *paddockv1.ListAuditEntriesRequest) func() error {
		return func() error { _, err := admin.Audit.ListAuditEntries(t.Context(), req); return err }
	}
	begin := time.Now().AddDate(0, 0, -28)
	counts := func(req *paddockv1.CountAuditEntriesRequest) func() error {
		for i := range 49 {
			req.Bounds = append(req.Bounds, timestamppb.New(begin.Add(time.Duration(i)*14*time.Hour)))
		}
		return func() error { _, err := admin.Audit.CountAuditEntries(t.Context(), req); return err }
	}
	calls := []boundedCall{
		{"WhoAmI", 50, func() error { _, err := own.Auth.WhoAmI(t.Context(), &paddockv1.WhoAmIRequest{}); return err }},
		{"users", 500, list(&paddockv1.ListUsersRequest{})},
		{"users by email", 500, list(&paddockv1.ListUsersRequest{OrderBy: "email desc"})},
		{"inactive users", 500, list(&paddockv1.ListUsersRequest{Active: new(false)})},
		{"admins", 500, list(&paddockv1.ListUsersRequest{Role: "admin"})},
		{"users with a common role", 1000, list(&paddockv1.ListUsersRequest{Role: "user"})},
		{"users with a rare text", 500, list(&paddockv1.ListUsersRequest{Query: "u777@"})},
		{"active users with a rare text", 500, list(&paddockv1.ListUsersRequest{Query: "u777@", Active: new(true), Role: "user"})},
		{"users with a common text", 2000, list(&paddockv1.ListUsersRequest{Query: "example.com"})},
		{"entries", 500, entries(&paddockv1.ListAuditEntriesRequest{})},
		{"entries of a rare outcome", 500, entries(&paddockv1.ListAuditEntriesRequest{Outcome: "denied"})},
		{"entries of a common outcome", 1500, entries(&paddockv1.ListAuditEntriesRequest{Outcome: "failure"})},
		{"entries of a rare type", 500, entries(&paddockv1.ListAuditEntriesRequest{EventType: "password_set"})},
		{"entries of a common type and a rare outcome", 500, entries(&paddockv1.ListAuditEntriesRequest{EventType: "user_updated", Outcome: "denied"})},
		{"entries of part of a type", 1500, entries(&paddockv1.ListAuditEntriesRequest{EventType: "user"})},
		{"entries about one user", 500, entries(&paddockv1.ListAuditEntriesRequest{UserId: other})},
		{"entries about one user of a rare outcome", 500, entries(&paddockv1.ListAuditEntriesRequest{UserId: other, Outcome: "denied"})},
		{"entries since", 500, entries(&paddockv1.ListAuditEntriesRequest{OccurredAfter: timestamppb.Now()})},
		{"counts of four weeks", 1000, counts(&paddockv1.CountAuditEntriesRequest{})},
		{"counts of a user", 500, counts(&paddockv1.CountAuditEntriesRequest{UserId: other})},
		{"usage by day", 500, func() error {
			_, err := own.Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{GroupBy: []string{"day"}})
			return err
		}},
		{"keys", 500, func() error {
			_, err := own.Credentials.ListCredentials(t.Context(), &paddockv1.ListCredentialsRequest{})
			return err
		}},
		{"keys of another", 500, func() error {
			_, err := admin.Credentials.ListCredentials(t.Context(), &paddockv1.ListCredentialsRequest{UserId: other})
			return err
		}},
		{"sessions", 500, func() error {
			_, err := a.As(p.Token).Auth.ListSessions(t.Context(), &paddockv1.ListSessionsRequest{})
			return err
		}},
		{"roles", 100, func() error { _, err := admin.Users.ListRoles(t.Context(), &paddockv1.ListRolesRequest{}); return err }},
		{"a user", 100, func() error {
			_, err := admin.Users.GetUser(t.Context(), &paddockv1.GetUserRequest{Id: other})
			return err
		}},
		{"quota", 100, func() error { _, err := own.Usage.GetQuota(t.Context(), &paddockv1.GetQuotaRequest{}); return err }},
		{"usage of another by key", 500, func() error {
			_, err := admin.Usage.GetUsage(t.Context(), &paddockv1.GetUsageRequest{UserId: other, GroupBy: []string{"day", "model", "credential"}})
			return err
		}},
		{"overview", 2000, func() error {
			_, err := admin.Overview.GetOverview(t.Context(), &paddockv1.GetOverviewRequest{})
			return err
		}},
		{"a new name", 500, func() error {
			_, err := admin.Users.UpdateUser(t.Context(), &paddockv1.UpdateUserRequest{Id: other, DisplayName: new(uuid.NewString())})
			return err
		}},
	}
	if !a.Store.Embedded() { // which goes through all users for a text without a trigram
		calls = append(calls, boundedCall{"users with two common letters", 2000, list(&paddockv1.ListUsersRequest{Query: "om"})})
	}
	return calls
}

// TestRowsRead_DoNotGrow counts how many rows of tables and indexes PostgreSQL reads for a call, among tens of thousands. It is a
// page or so, not the table, once the large counts are known.
func TestRowsRead_DoNotGrow(t *testing.T) {
	// One connection, which can then be told to publish what it has counted.
	a := apptest.Start(t, storetest.PostgreSQL(t)+"&pool_max_conns=1", nil)
	p := a.NewPerson(t, "user")
	fill(t, a, p.Id)
	read := func() (rows int64) {
		t.Helper()
		for _, statement := range []string{`SELECT pg_stat_force_next_flush()`, `SELECT 1`, `SELECT pg_stat_clear_snapshot()`} {
			if _, err := a.Store.DB().ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		const counted = `SELECT CAST((SELECT sum(seq_tup_read) FROM pg_stat_user_tables) + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes) AS bigint)`
		if err := a.Store.Read(t.Context(), counted, nil, func(r store.Row) error { return r.Scan(&rows) }); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	for _, c := range boundedCalls(t, a, p, fmt.Sprintf("%08x-0000-7000-8000-000000000000", 77)) {
		for range 6 { // PostgreSQL plans the first few without regard to what it plans for all
			if err := c.call(); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		before := read()
		if err := c.call(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if rows := read() - before; rows > c.most {
			t.Errorf("%s reads %d rows of %d, want at most %d", c.name, rows, mass, c.most)
		} else {
			t.Logf("%s reads %d rows", c.name, rows)
		}
	}
}
