package store_test

import (
	"context"
	"database/sql"
	"os"
	"sync"
	"testing"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestPooler_Transactions runs everything through PgBouncer in transaction mode, with more connections than it has servers. With
// PADDOCK_PROOF=full it tries every way to send statements.
func TestPooler_Transactions(t *testing.T) {
	cluster := storetest.NewCluster(t)
	options := []string{"", "&default_query_exec_mode=exec", "&default_query_exec_mode=simple_protocol", "&statement_cache_capacity=0"}
	if os.Getenv("PADDOCK_PROOF") != "full" {
		options = options[:1]
	}
	for name, settings := range map[string]string{
		"strict":                  "default_pool_size = 3",
		"ignores what we ask for": "default_pool_size = 3\nignore_startup_parameters = statement_timeout,lock_timeout,idle_in_transaction_session_timeout",
	} {
		t.Run(name, func(t *testing.T) {
			through := cluster.PgBouncer(t, settings)
			for _, option := range options {
				url := through(cluster.EmptyDatabase(t)) + option
				for range 2 { // the second one waits for nothing that the first one has left
					s := storetest.Open(t, url)
					if _, err := migrate.Up(t.Context(), s); err != nil {
						t.Fatalf("%q: %v", option, err)
					}
					var calls sync.WaitGroup
					for range 8 {
						calls.Go(func() {
							for range 5 {
								for name, use := range uses(s) {
									if err := use(t.Context()); err != nil {
										t.Errorf("%q: %s: %v", option, name, err)
									}
								}
							}
						})
					}
					calls.Wait()
				}
			}
		})
	}
}

// TestPooler_Settings checks that what holds for a statement holds through a pooler too, and stays behind for nobody else.
func TestPooler_Settings(t *testing.T) {
	cluster := storetest.NewCluster(t)
	direct := cluster.Database(t)
	through := cluster.PgBouncer(t, "default_pool_size = 1")
	const note = `INSERT INTO rate_buckets (id, tokens, updated_us) SELECT gen_random_uuid(), setting::int, 0 FROM pg_settings
		WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')`
	for name, url := range map[string]string{"direct": direct, "pooled": through(direct)} {
		s := storetest.Open(t, url)
		for kind, write := range map[string]func(ctx context.Context, tx *db.Tx) error{
			"insert": func(ctx context.Context, tx *db.Tx) error { return store.Send(ctx, tx, note) },
			"transaction": func(ctx context.Context, tx *db.Tx) error {
				_, err := store.Exec(ctx, tx, note)
				return err
			},
		} {
			if err := s.Tx(store.WithWrites(t.Context()), write); err != nil {
				t.Fatal(err)
			}
			got := ""
			err := s.Read(t.Context(), `DELETE FROM rate_buckets RETURNING tokens::int`, nil, func(row store.Row) error {
				n := ""
				err := row.Scan(&n)
				got += n + " "
				return err
			})
			if want := "10000 1500 5000 "; got != want || err != nil {
				t.Errorf("%s, %s: %s, %v, want %s", name, kind, got, err, want)
			}
		}
	}
	other, err := sql.Open("pgx", through(direct)+"&default_query_exec_mode=exec")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var left string
	if err := other.QueryRowContext(t.Context(), `SELECT current_setting('statement_timeout') || ' ' || current_setting('lock_timeout')`).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left != "0 0" {
		t.Errorf("others have %s", left)
	}
}
