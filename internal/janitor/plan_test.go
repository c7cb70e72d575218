package janitor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/janitor"
	"github.com/paddock-gate/paddock/internal/store"
)

// TestSweep_ByIndex checks that no deletion need read all of a table.
func TestSweep_ByIndex(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		now := store.Now()
		byKey := func(limit any) []any { return []any{limit, uuid.Nil, uuid.Max} }
		args := map[string][]any{
			"sessions":         byKey(now),
			"credentials":      byKey(now),
			"rate_buckets":     byKey(now.UnixMicro()),
			"idempotency_keys": {now, janitor.Batch},
			"usage_periods":    {now.Format(time.DateOnly), janitor.Batch},
			"usage_records":    {now, janitor.Batch},
		}
		for table, statement := range janitor.New(h.Store, h.log, config.Retain{}).Statements() {
			plan := h.plan(t, statement, args[table]...)
			for _, all := range []string{"Seq Scan on " + table, "SCAN " + table, "TEMP B-TREE"} {
				if strings.Contains(plan, all) {
					t.Errorf("%s: %s\n%s", table, all, plan)
				}
			}
		}
	})
}

// plan returns how the database would run the statement, if tables are too large to be read.
func (h *house) plan(t *testing.T, statement string, args ...any) string {
	t.Helper()
	tx, err := h.DB().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	explain := "EXPLAIN QUERY PLAN "
	if !h.Embedded() {
		explain = "EXPLAIN "
		if _, err := tx.ExecContext(t.Context(), "SET LOCAL enable_seqscan = off"); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := tx.QueryContext(t.Context(), explain+statement, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	line := ""
	into := make([]any, len(columns))
	for i := range into {
		into[i] = new(any)
	}
	into[len(into)-1] = &line
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
