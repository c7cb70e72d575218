package transfer

import (
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	entmigrate "github.com/paddock-gate/paddock/ent/db/migrate"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// eachWay runs the test from every kind of database to every kind.
func eachWay(t *testing.T, test func(t *testing.T, from, to *store.Store)) {
	kinds := map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.PostgreSQL}
	for _, from := range slices.Sorted(maps.Keys(kinds)) {
		for _, to := range slices.Sorted(maps.Keys(kinds)) {
			t.Run(from+" to "+to, func(t *testing.T) {
				test(t, storetest.Open(t, kinds[from](t)), storetest.Open(t, kinds[to](t)))
			})
		}
	}
}

// fill inserts so many rows into every table, with all that a column can hold.
func fill(t *testing.T, s *store.Store, rows int) {
	t.Helper()
	database, err := s.MigrationDB()
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	tx, err := database.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	made := map[*schema.Column][]any{} // what columns hold, for those that refer to them
	for _, table := range tables() {
		of := entmigrate.Tables[slices.IndexFunc(entmigrate.Tables, func(o *schema.Table) bool { return o.Name == table.name })]
		var args []any // of rows that are not inserted yet
		for row := range rows {
			for _, c := range table.columns {
				v := sample(c, row)
				for _, key := range of.ForeignKeys {
					if key.Columns[0] == c {
						v = made[key.RefColumns[0]][row]
					}
				}
				made[c] = append(made[c], v)
				args = append(args, v)
			}
			if n := len(args) / len(table.columns); n == 50 || row == rows-1 {
				if _, err := tx.ExecContext(t.Context(), table.insert(n), args...); err != nil {
					t.Fatalf("%s: %v", table.name, err)
				}
				args = nil
			}
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// sample returns a value for a column of the row, NULL in every third where it may be.
func sample(c *schema.Column, row int) any {
	if c.Nullable && row%3 == 0 {
		return nil
	}
	switch c.Type {
	case field.TypeUUID:
		return uuid.Must(uuid.NewV7())
	case field.TypeTime:
		return time.Date(1969+row%90, 12, 31, 23, 59, 59, row%1_000_000*1000, time.UTC)
	case field.TypeBool:
		return row%2 == 0
	case field.TypeInt32:
		return []int64{0, 1, -1, math.MaxInt32, math.MinInt32}[row%5]
	case field.TypeInt, field.TypeInt64:
		if slices.Contains([]string{"prompt_tokens", "completion_tokens", "duration_ms"}, c.Name) {
			return int64(row) << 30 // which a trigger adds up
		}
		return []int64{0, 1, -1, math.MaxInt64, math.MinInt64}[row%5]
	case field.TypeFloat64:
		return []float64{0, 0.1, -1e300, 5e-324, math.MaxFloat64}[row%5]
	case field.TypeBytes:
		return []byte{0, 0xff, byte(row), byte(row >> 8)}
	default:
		if c.Size == 10 || c.Size == 16 {
			return fmt.Sprintf("%.10d", row)
		}
		// Collations sort these in different ways.
		return fmt.Sprintf("%s%d", []string{"", "a B", "Ä\t'\"\\", "_z", "-z", "😀\n"}[row%6], row)
	}
}

// contents returns all rows of all tables in a form that both databases share.
func contents(t *testing.T, s *store.Store) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range tables() {
		err := table.read(t.Context(), s.DB(), func(values []any) error {
			all[table.name] = append(all[table.name], fmt.Sprintf("%v", values))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(all[table.name])
	}
	return all
}

// heap returns how many bytes are in use.
func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
