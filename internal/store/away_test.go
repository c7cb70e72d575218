package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// uses are the ways to talk to the database.
func uses(s *store.Store) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"ping":   s.Ping,
		"schema": func(ctx context.Context) error { return migrate.Check(ctx, s) },
		"query": func(ctx context.Context) error {
			_, err := s.User.Query().Count(ctx)
			return err
		},
		"read": func(ctx context.Context) error {
			return s.Read(ctx, `SELECT 1`, nil, func(store.Row) error { return nil })
		},
		"write": func(ctx context.Context) error { return s.Tx(ctx, createUser) },
		"query and write": func(ctx context.Context) error {
			return s.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
				if _, err := tx.User.Query().Count(ctx); err != nil {
					return err
				}
				return createUser(ctx, tx)
			})
		},
	}
}

func TestErrAway_UntilDatabaseIsBack(t *testing.T) {
	cluster := storetest.NewCluster(t)
	s := storetest.Open(t, cluster.Database(t))
	for name, use := range uses(s) {
		if err := use(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // first on the connections that were open, then on none
		for name, use := range uses(s) {
			start := time.Now()
			err := use(t.Context())
			if !errors.Is(err, store.ErrAway) {
				t.Errorf("%s without a database: got %v, want ErrAway", name, err)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("%s took %v to say so, want 2 s at most", name, took)
			}
		}
	}
	if err := cluster.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, use := range uses(s) {
		if err := use(t.Context()); err != nil {
			t.Errorf("%s with the database back: %v", name, err)
		}
	}
}

func TestIdleConnections_DatabaseRestart(t *testing.T) {
	cluster := storetest.NewCluster(t)
	s := storetest.Open(t, cluster.Database(t))
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // connections that idled longer than a second are tried before use
	for name, use := range uses(s) {
		if err := use(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSQLite_FullOrReadOnly(t *testing.T) {
	for name, limit := range map[string]string{
		"full":      `PRAGMA max_page_count = 1`, // SQLite makes that the present size
		"read-only": `PRAGMA query_only = 1`,
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.Open(t, storetest.SQLite(t))
			var err error
			// The limit is the connection's, so set it in the transaction that shall meet it.
			for range 100 {
				err = s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
					if _, err := tx.ExecContext(ctx, limit); err != nil {
						return err
					}
					for range 20 {
						if err := createUser(ctx, tx); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					break
				}
			}
			if !errors.Is(err, store.ErrAway) {
				t.Errorf("write: got %v, want ErrAway", err)
			}
			if _, err := s.User.Query().Count(t.Context()); err != nil {
				t.Errorf("read: %v", err)
			}
		})
	}
}

func TestRead_CallerCancels(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		ctx, leave := context.WithCancel(t.Context())
		query := `SELECT 7 FROM pg_sleep(0.2)`
		if s.Embedded() {
			query = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 60000) SELECT 7 FROM n WHERE i = 60000`
		}
		time.AfterFunc(2*time.Millisecond, leave)
		got := 0
		if err := s.Read(store.Slow(ctx), query, nil, func(row store.Row) error { return row.Scan(&got) }); err != nil || got != 7 {
			t.Errorf("read %d, error %v; want 7", got, err)
		}
		if ctx.Err() == nil {
			t.Error("the client had not left: a longer query is needed")
		}
		if _, err := s.User.Query().Count(ctx); err != nil {
			t.Errorf("the next query, of a client who has left: %v", err)
		}
	})
}

func TestRead_ConnectionKeptAfterTimeout(t *testing.T) {
	s := storetest.Open(t, storetest.PostgreSQL(t)+"&pool_max_conns=1")
	pid := func(ctx context.Context) (pid int) {
		err := s.Read(ctx, `SELECT pg_backend_pid() FROM pg_sleep(0.1)`, nil, func(row store.Row) error { return row.Scan(&pid) })
		if err != nil {
			t.Error(err)
		}
		return pid
	}
	before := pid(t.Context())
	ctx, leave := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer leave()
	if during, after := pid(ctx), pid(t.Context()); during != before || after != before {
		t.Errorf("served by %d, then %d and %d: connections were closed", before, during, after)
	}
}
