package transfer

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql/schema"

	"github.com/paddock-gate/paddock/ent/db"
	entmigrate "github.com/paddock-gate/paddock/ent/db/migrate"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

func TestCopy_EveryTableAndValue(t *testing.T) {
	const rows = 700 // several inserts, and a rest
	eachWay(t, func(t *testing.T, from, to *store.Store) {
		fill(t, from, rows)
		told := map[string]int64{}
		if err := Copy(t.Context(), from, to, func(table string, n int64) { told[table] = n }); err != nil {
			t.Fatal(err)
		}
		before, after := contents(t, from), contents(t, to)
		for _, table := range entmigrate.Tables {
			n := int64(len(before[table.Name]))
			if n < rows || told[table.Name] != n { // more, where a trigger adds some
				t.Errorf("%s: %d rows in the source, told of %d", table.Name, n, told[table.Name])
			}
			if !slices.Equal(before[table.Name], after[table.Name]) {
				t.Errorf("%s differs", table.Name)
			}
		}
		one := to.User.Query().FirstX(t.Context())
		if ids, few, err := to.FindUsers(t.Context(), one.Search, rows); to.Embedded() && (err != nil || !few || !slices.Contains(ids, one.ID)) {
			t.Errorf("a search for %q finds %v, %v", one.Search, ids, err)
		}
		if err := to.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error { // it goes on from there
			return tx.User.Create().SetEmail("later@example.com").Exec(ctx)
		}); err != nil {
			t.Error(err)
		}
	})
}

// TestTables_All checks that every table of the database is copied, also one that a migration made without Ent.
func TestTables_All(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		query := `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`
		if s.Embedded() { // but for the index of trigrams, which triggers fill
			query = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
				AND name <> 'user_numbers' AND name NOT LIKE 'user_trigrams%'`
		}
		var found, copied []string
		if err := s.Read(t.Context(), query, nil, func(row store.Row) error {
			var name string
			err := row.Scan(&name)
			if !slices.Contains([]string{"atlas_schema_revisions", "migration_compatibility"}, name) { // the target has its own
				found = append(found, name)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for _, table := range tables() {
			copied = append(copied, table.name)
		}
		slices.Sort(found)
		slices.Sort(copied)
		if !slices.Equal(found, copied) {
			t.Errorf("the database has %v, copied are %v", found, copied)
		}
	})
}

func TestTables_Order(t *testing.T) {
	var seen []string
	for _, table := range tables() {
		seen = append(seen, table.name)
		of := entmigrate.Tables[slices.IndexFunc(entmigrate.Tables, func(o *schema.Table) bool { return o.Name == table.name })]
		for _, key := range of.ForeignKeys {
			if !slices.Contains(seen, key.RefTable.Name) {
				t.Errorf("%s comes before %s, to which it refers", table.name, key.RefTable.Name)
			}
		}
	}
}

// TestTables_NothingCountedUp fails with the first column whose counter Copy would have to set on the target.
func TestTables_NothingCountedUp(t *testing.T) {
	for _, table := range tables() {
		for _, c := range table.columns {
			if c.Increment {
				t.Errorf("%s.%s is counted up by the database: make Copy set its counter", table.name, c.Name)
			}
			if _, err := newDest(c); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestCopy_TargetNotEmpty(t *testing.T) {
	eachWay(t, func(t *testing.T, from, to *store.Store) {
		fill(t, from, 3)
		fill(t, to, 1)
		before := contents(t, to)
		if err := Copy(t.Context(), from, to, func(string, int64) {}); err == nil || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("got %v", err)
		}
		if after := contents(t, to); !maps.EqualFunc(before, after, slices.Equal) {
			t.Error("the target has changed")
		}
	})
}

func TestCopy_SchemaBehind(t *testing.T) {
	from, to := storetest.Open(t, storetest.SQLite(t)), storetest.Open(t, storetest.EmptyPostgreSQL(t))
	if err := Copy(t.Context(), from, to, func(string, int64) {}); !errors.Is(err, migrate.ErrBehind) || !strings.Contains(err.Error(), "the target") {
		t.Errorf("got %v", err)
	}
	if err := Copy(t.Context(), to, from, func(string, int64) {}); !errors.Is(err, migrate.ErrBehind) || !strings.Contains(err.Error(), "the source") {
		t.Errorf("got %v", err)
	}
}

// TestCopy_Interrupted checks that a copy that ends midway leaves nothing behind.
func TestCopy_Interrupted(t *testing.T) {
	eachWay(t, func(t *testing.T, from, to *store.Store) {
		fill(t, from, 200)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tables := 0
		err := Copy(ctx, from, to, func(string, int64) {
			if tables++; tables == 5 {
				cancel()
			}
		})
		if err == nil {
			t.Fatal("no error")
		}
		for table, rows := range contents(t, to) {
			if len(rows) > 0 {
				t.Errorf("%s has %d rows", table, len(rows))
			}
		}
	})
}

// TestCopy_Falsified has the target change what is written, as a wrong conversion would.
func TestCopy_Falsified(t *testing.T) {
	eachWay(t, func(t *testing.T, from, to *store.Store) {
		fill(t, from, 100)
		lie := []string{
			`CREATE FUNCTION lie() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.key_hash = upper(NEW.key_hash) || 'x'; RETURN NEW; END $$`,
			`CREATE TRIGGER lie BEFORE INSERT ON credentials FOR EACH ROW WHEN (NEW.label LIKE '%77') EXECUTE FUNCTION lie()`,
		}
		if to.Embedded() {
			lie = []string{`CREATE TRIGGER lie AFTER INSERT ON credentials WHEN NEW.label LIKE '%77'
				BEGIN UPDATE credentials SET key_hash = key_hash || 'x' WHERE id = NEW.id; END`}
		}
		for _, statement := range lie {
			if _, err := to.DB().ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		err := Copy(t.Context(), from, to, func(string, int64) {})
		if err == nil || !strings.Contains(err.Error(), "table credentials: what was written is not what was read") {
			t.Errorf("got %v", err)
		}
		if n := to.User.Query().CountX(t.Context()); n > 0 {
			t.Errorf("%d users were kept", n)
		}
	})
}

func TestCopy_SourceInUse(t *testing.T) {
	eachWay(t, func(t *testing.T, from, to *store.Store) {
		fill(t, from, 3)
		log := audit.Open(from)
		err := Copy(t.Context(), from, to, func(table string, _ int64) {
			if table == "audit_entries" {
				if err := log.Record(t.Context(), audit.Event{Type: audit.Logout}); err != nil {
					t.Error(err)
				}
			}
		})
		if err == nil || !strings.Contains(err.Error(), "stop its servers") {
			t.Errorf("got %v", err)
		}
	})
}

func TestCopy_BoundedMemory(t *testing.T) {
	const limit = 8 << 20 // of 20 MB
	from, to := storetest.Open(t, storetest.SQLite(t)), storetest.Open(t, storetest.PostgreSQL(t))
	_, err := from.DB().ExecContext(t.Context(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
		INSERT INTO audit_entries SELECT format('00000000-0000-7000-8000-%012d', i), 'logout', '2026-11-29 10:00:00+00:00',
		NULL, '', NULL, NULL, NULL, '', '', '', 'success', hex(zeroblob(500)) FROM n`)
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	ended, most := make(chan struct{}), make(chan uint64)
	go func() {
		var m uint64
		for {
			select {
			case <-ended:
				most <- m
				return
			case <-time.After(10 * time.Millisecond):
				m = max(m, heap())
			}
		}
	}()
	err = Copy(t.Context(), from, to, func(string, int64) {})
	close(ended)
	if grown := int64(<-most) - int64(before); err != nil || grown > limit {
		t.Errorf("the heap grew by %d KiB, error %v", grown>>10, err)
	} else {
		t.Logf("the heap grew by %d KiB", grown>>10)
	}
}
