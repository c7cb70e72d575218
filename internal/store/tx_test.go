package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/user"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// counts returns how many users and audit entries there are.
func counts(t *testing.T, s *store.Store) (users, entries int) {
	t.Helper()
	users, err := s.User.Query().Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	entries, err = s.AuditEntry.Query().Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return users, entries
}

func TestTx_Atomic(t *testing.T) {
	failure := errors.New("changed my mind")
	tests := map[string]struct {
		f       func(ctx context.Context, tx *db.Tx) error
		wantErr error
		want    int
	}{
		"success": {createUser, nil, 1},
		"an error at the end": {func(ctx context.Context, tx *db.Tx) error {
			return errors.Join(createUser(ctx, tx), failure)
		}, failure, 0},
		"an error after a query": {func(ctx context.Context, tx *db.Tx) error {
			if err := createUser(ctx, tx); err != nil {
				return err
			}
			if n, err := tx.User.Query().Count(ctx); err != nil || n != 1 {
				t.Errorf("inside the transaction: %d users, error %v", n, err)
			}
			return failure
		}, failure, 0},
		"a query between": {func(ctx context.Context, tx *db.Tx) error {
			if n, err := tx.User.Query().Count(ctx); err != nil || n != 0 {
				t.Errorf("before the insert: %d users, error %v", n, err)
			}
			return createUser(ctx, tx)
		}, nil, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, url string) {
				s := storetest.Open(t, url)
				if err := s.Tx(t.Context(), test.f); !errors.Is(err, test.wantErr) {
					t.Errorf("got %v, want %v", err, test.wantErr)
				}
				if users, entries := counts(t, s); users != test.want || entries != test.want {
					t.Errorf("%d users and %d entries, want %d of each", users, entries, test.want)
				}
				if err := s.Tx(t.Context(), createUser); err != nil {
					t.Errorf("the next transaction: %v", err)
				}
			})
		})
	}
}

func TestTx_Panic(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		func() {
			defer func() {
				if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "boom") {
					t.Errorf("recovered %v, want boom", p)
				}
			}()
			_ = s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				if err := createUser(ctx, tx); err != nil {
					return err
				}
				panic("boom")
			})
		}()
		if users, entries := counts(t, s); users != 0 || entries != 0 {
			t.Errorf("%d users and %d entries, want none", users, entries)
		}
		if err := s.Tx(t.Context(), createUser); err != nil {
			t.Errorf("the next transaction: %v", err)
		}
	})
}

func TestTaken_Column(t *testing.T) {
	external := "hr-17"
	first := func(ctx context.Context, tx *db.Tx) error {
		u, err := tx.User.Create().SetEmail("ann@example.com").SetExternalID(external).Save(ctx)
		if err != nil {
			return err
		}
		return tx.Credential.Create().SetUser(u).SetLabel("ci").SetKeyID("k1").SetKeyHash("h").Exec(ctx)
	}
	tests := map[string]func(ctx context.Context, tx *db.Tx) error{
		"users.email": func(ctx context.Context, tx *db.Tx) error {
			return tx.User.Create().SetEmail("ann@example.com").Exec(ctx)
		},
		"users.external_id": func(ctx context.Context, tx *db.Tx) error {
			return tx.User.Create().SetEmail("bob@example.com").SetExternalID(external).Exec(ctx)
		},
		"credentials.key_id": func(ctx context.Context, tx *db.Tx) error {
			u, err := tx.User.Query().Where(user.Email("ann@example.com")).Only(ctx)
			if err != nil {
				return err
			}
			return tx.Credential.Create().SetUser(u).SetLabel("ci").SetKeyID("k1").SetKeyHash("h").Exec(ctx)
		},
	}
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		if err := s.Tx(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		for taken, again := range tests {
			err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				if err := again(ctx, tx); err != nil {
					return err
				}
				return createUser(ctx, tx) // what follows, as an audit entry does, hides nothing
			})
			for column := range tests {
				if got := store.Taken(err, column); got != (column == taken) {
					t.Errorf("%s: Taken(%q, %q) = %v", taken, err, column, got)
				}
			}
			if !db.IsConstraintError(err) {
				t.Errorf("%s: db.IsConstraintError(%v) = false", taken, err)
			}
			if errors.Is(err, store.ErrAway) {
				t.Errorf("%s: got ErrAway: %v", taken, err)
			}
		}
		if users, _ := counts(t, s); users != 1 {
			t.Errorf("%d users, want the first alone", users)
		}
		if store.Taken(nil, "users.email") || store.Taken(errors.New("users.email"), "users.email") {
			t.Error("Taken without a unique violation")
		}
	})
}

// TestLimitLockWaits_SharesNoCommit: of many transactions that only insert, those with a bound of their own are committed by themselves,
// which PostgreSQL notes with each row, and others are not bound.
func TestLimitLockWaits_SharesNoCommit(t *testing.T) {
	s := storetest.Open(t, storetest.PostgreSQL(t))
	const n = 300 // of each
	var wg sync.WaitGroup
	for i := range 2 * n {
		wg.Go(func() {
			err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				ctx = store.WithWrites(ctx)
				name := fmt.Sprintf("shared%d@example.com", i)
				if i%2 == 0 {
					name = fmt.Sprintf("alone%d@example.com", i)
					if err := s.LimitLockWaits(ctx, tx, time.Second); err != nil {
						return err
					}
				}
				return tx.User.Create().SetEmail(name).Exec(ctx)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	commits, rows, wrong := 0, 0, 0
	const perCommit = `SELECT count(*), count(*) FILTER (WHERE email LIKE 'alone%') FROM users GROUP BY xmin::text`
	if err := s.Read(t.Context(), perCommit, nil, func(r store.Row) error {
		var all, alone int
		if err := r.Scan(&all, &alone); err != nil {
			return err
		}
		if alone > 0 && all > 1 {
			wrong++
		}
		commits, rows = commits+1, rows+all
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if wrong > 0 || rows != 2*n {
		t.Errorf("%d commits of %d rows, %d of them with one that shares none", commits, rows, wrong)
	}
	if commits == rows {
		t.Error("nothing was shown: no commit was shared")
	}
}

func TestTx_RetrySerializationFailure(t *testing.T) {
	s := storetest.Open(t, storetest.PostgreSQL(t))
	failing := func(times int) (attempts int, err error) {
		err = s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if err := createUser(ctx, tx); err != nil {
				return err
			}
			if attempts++; attempts <= times {
				_, err := store.Exec(store.WithWrites(ctx), tx, `DO $$ BEGIN RAISE SQLSTATE '40001'; END $$`)
				return err
			}
			return nil
		})
		return attempts, err
	}
	if attempts, err := failing(2); attempts != 3 || err != nil {
		t.Errorf("two failures: %d attempts, error %v; want 3 and none", attempts, err)
	}
	if attempts, err := failing(9); attempts != 3 || err == nil {
		t.Errorf("failure after failure: %d attempts, error %v; want 3 and an error", attempts, err)
	}
	if users, _ := counts(t, s); users != 1 {
		t.Errorf("%d users, want 1", users)
	}
}

func TestTx_RetryDeadlock(t *testing.T) {
	s := storetest.Open(t, storetest.PostgreSQL(t))
	for _, role := range []string{"a", "b"} {
		if err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			return tx.Role.Create().SetID(role).Exec(ctx)
		}); err != nil {
			t.Fatal(err)
		}
	}
	var bothHoldOne sync.WaitGroup
	bothHoldOne.Add(2)
	errs := make(chan error, 2)
	lock := func(first, second string) {
		holdsOne := sync.OnceFunc(bothHoldOne.Done)
		errs <- s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if _, err := store.Exec(store.WithWrites(ctx), tx, `SET LOCAL deadlock_timeout = '20ms'`); err != nil {
				return err
			}
			if err := tx.Role.UpdateOneID(first).SetDescription("mine").Exec(ctx); err != nil {
				return err
			}
			holdsOne()
			bothHoldOne.Wait()
			return tx.Role.UpdateOneID(second).SetDescription("mine").Exec(ctx)
		})
	}
	go lock("a", "b")
	go lock("b", "a")
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestTx_FailedStatement(t *testing.T) {
	s := storetest.Open(t, storetest.PostgreSQL(t))
	for name, wrong := range map[string]string{"does not compile": `SELEC 1`, "fails": `SELECT 1/0`} {
		t.Run(name, func(t *testing.T) {
			err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				if _, err := store.Exec(store.WithWrites(ctx), tx, wrong); err == nil {
					t.Error("no error")
				}
				_ = createUser(ctx, tx) // goes on as if nothing had happened
				_, _ = tx.User.Query().Count(ctx)
				return nil
			})
			if err == nil {
				t.Error("committed")
			}
			if users, entries := counts(t, s); users != 0 || entries != 0 {
				t.Errorf("%d users and %d entries, want none", users, entries)
			}
		})
	}
}

func TestTx_AlreadyCanceled(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Tx(ctx, createUser); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
}

func TestTx_CanceledWhileRunning(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		ctx, cancel := context.WithCancel(t.Context())
		err := s.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
			if _, err := tx.User.Query().Count(ctx); err != nil {
				return err
			}
			cancel()
			return createUser(ctx, tx)
		})
		if err != nil {
			t.Error(err)
		}
		if users, entries := counts(t, s); users != 1 || entries != 1 {
			t.Errorf("%d users and %d entries, want one of each", users, entries)
		}
	})
}
