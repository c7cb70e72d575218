package transfer

import (
	"cmp"
	"slices"
	"strings"

	"entgo.io/ent/dialect/sql/schema"

	entmigrate "github.com/paddock-gate/paddock/ent/db/migrate"
	"github.com/paddock-gate/paddock/ent/db/unsealedentry"
	"github.com/paddock-gate/paddock/ent/db/usageday"
	"github.com/paddock-gate/paddock/ent/db/usagetotal"
	"github.com/paddock-gate/paddock/internal/store"
)

// table is a table to copy.
type table struct {
	name    string
	columns []*schema.Column
}

// tables returns all tables, each after those that it refers to. They come from Ent's schema, so that no new one is
// forgotten. None has a column that the database counts up, whose counter would have to be set; a test sees to that.
func tables() []table {
	var (
		ordered []table
		visit   func(t *schema.Table)
	)
	visit = func(t *schema.Table) {
		if slices.ContainsFunc(ordered, func(o table) bool { return o.name == t.Name }) {
			return
		}
		for _, key := range t.ForeignKeys {
			if key.RefTable != t {
				visit(key.RefTable)
			}
		}
		ordered = append(ordered, table{t.Name, t.Columns})
	}
	for _, t := range entmigrate.Tables {
		visit(t)
	}
	slices.SortStableFunc(ordered, func(a, b table) int { return cmp.Compare(rank(a), rank(b)) })
	return ordered
}

func rank(t table) int {
	if t.isFilledByTrigger() {
		return 1
	}
	return 0
}

// isFilledByTrigger reports whether a trigger fills the table while usage_records or audit_entries is copied. What it has written
// gives way to the source's rows: sums outlive the records, and most entries do not wait to be sealed any more.
func (t table) isFilledByTrigger() bool {
	return t.name == usageday.Table || t.name == usagetotal.Table || t.name == unsealedentry.Table
}

// selectAll returns the query for all rows.
func (t table) selectAll() string { return "SELECT " + t.columnList() + " FROM " + quote(t.name) }

// insert returns the statement that inserts so many rows.
func (t table) insert(rows int) string {
	return "INSERT INTO " + quote(t.name) + " (" + t.columnList() + ") VALUES " + store.Placeholders(1, rows, len(t.columns))
}

func (t table) columnList() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = quote(c.Name)
	}
	return strings.Join(names, ", ")
}

func quote(name string) string { return `"` + name + `"` }
