package apptest_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/apptest"
	paddockv1 "github.com/paddock-gate/paddock/internal/gen/paddock/v1"
)

// massOf are the statements that make 20,000 users with a role, and as many audit entries. Users exist, and do nothing.
func massOf(embedded bool) []string {
	id, now := `CAST(lpad(to_hex(i), 8, '0') || '-0000-7000-8000-000000000000' AS uuid)`, `now()`
	if embedded {
		id, now = `printf('%08x-0000-7000-8000-000000000000', i)`, `'2026-01-02 03:04:05.123456+00:00'`
	}
	const mass = `WITH RECURSIVE mass(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM mass WHERE i < 20000) SELECT `
	return []string{
		`INSERT INTO users (id, email, display_name, search, active, password_hash, created_at, updated_at) ` + mass + id +
			`, 'mass' || i || '@example.com', 'Mass ' || i, 'mass' || i || '@example.com mass ' || i, true, '', ` + now + `, ` + now + ` FROM mass`,
		`INSERT INTO user_roles (user_id, role_id) ` + mass + id + `, 'user' FROM mass`,
		`INSERT INTO audit_entries (id, event_type, occurred_at, actor_email, target_user_id, ip, user_agent, request_id, outcome, detail) ` +
			mass + id + `, 'user_created', ` + now + `, '', ` + id + `, '', '', '', 'success', '' FROM mass`,
	}
}

// populate fills the database of a running process, and gives it keys of users with quotas.
func populate(b *testing.B, p *process, databaseURL string) {
	b.Helper()
	driver, name := "pgx", databaseURL
	file, embedded := strings.CutPrefix(databaseURL, "sqlite://")
	if embedded {
		driver, name = "sqlite", "file:"+file+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	for _, statement := range massOf(embedded) {
		if _, err := db.ExecContext(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	if !embedded {
		if _, err := db.ExecContext(b.Context(), "ANALYZE"); err != nil {
			b.Fatal(err)
		}
	}
	a := &apptest.App{URL: p.url, AdminKey: p.key}
	person := func() string {
		u := a.NewPerson(b, "user")
		_, err := a.Admin().Usage.SetQuota(b.Context(), &paddockv1.SetQuotaRequest{
			UserId: u.GetId(), TokensPerDay: new(int64(1e12)), TokensPerMonth: new(int64(1e13)),
		})
		if err != nil {
			b.Fatal(fmt.Errorf("a quota: %w", err))
		}
		return u.Key
	}
	p.key = person()
	for range 200 {
		p.keys = append(p.keys, person())
	}
}
