package telemetry

import (
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	for query, want := range map[string][2]string{
		"SELECT `users`.`id` FROM `users` WHERE `users`.`id` = ? LIMIT 2":         {"SELECT", "users"},
		`INSERT INTO "audit_entries" ("id") VALUES ($1)`:                          {"INSERT", "audit_entries"},
		"INSERT INTO request_buckets(user_id) VALUES ($1) ON CONFLICT DO NOTHING": {"INSERT", "request_buckets"},
		`update "users" SET "active" = $1`:                                        {"UPDATE", "users"},
		"DELETE FROM replicas WHERE id = $1":                                      {"DELETE", "replicas"},
		"WITH a AS (\n\tSELECT * FROM usage_periods) SELECT 1":                    {"WITH", "usage_periods"},
		"SELECT count(*) FROM (SELECT 1)":                                         {"SELECT", ""},
		"SAVEPOINT job":                                                           {"SAVEPOINT", ""},
		"":                                                                        {"", ""},
		"update":                                                                  {"UPDATE", ""},
	} {
		if operation, table := summary(query); operation != want[0] || table != want[1] {
			t.Errorf("%s: %q %q, want %q", query, operation, table, want)
		}
	}
}

func TestWithoutLiterals(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT 1 FROM users WHERE email = $1":              "SELECT 1 FROM users WHERE email = $1",
		"SELECT 1 FROM users WHERE email = 'a@b' AND x='y'": "SELECT 1 FROM users WHERE email = '?' AND x='?'",
		"SELECT 'it''s'":  "SELECT '?''?'",
		"SELECT 'unended": "SELECT '?",
	} {
		if got := withoutLiterals(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// FuzzWithoutLiterals checks that of what a statement quotes nothing is left, and of the rest all.
func FuzzWithoutLiterals(f *testing.F) {
	f.Add("SELECT ", "it's", " FROM x WHERE y = $1")
	f.Add("", "\\", "''")
	f.Fuzz(func(t *testing.T, before, literal, after string) {
		if strings.Contains(before+after, "'") {
			return
		}
		got := withoutLiterals(before + "'" + strings.ReplaceAll(literal, "'", "''") + "'" + after)
		inside, ok := strings.CutPrefix(got, before)
		inside, ok2 := strings.CutSuffix(inside, after)
		if !ok || !ok2 || strings.Trim(inside, "'?") != "" {
			t.Errorf("%q, %q, %q became %q", before, literal, after, got)
		}
		_, _ = summary(got) // must not panic
	})
}
