package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestRead_Fails: however a read ends, its connection is there for the next one, and the error is what it was.
func TestRead_Fails(t *testing.T) {
	const rows = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i FROM n`
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		if !s.Embedded() {
			s = storetest.Open(t, url+"&pool_max_conns=1")
		}
		failure := errors.New("the caller's")
		again := func(after string) {
			n := 0
			err := s.Read(t.Context(), rows, nil, func(row store.Row) error { n++; return row.Scan(new(int)) })
			if n != 5000 || err != nil {
				t.Errorf("after %s: %d rows, error %v", after, n, err)
			}
		}
		again("nothing")
		if err := s.Read(t.Context(), rows, nil, func(store.Row) error { return failure }); !errors.Is(err, failure) || errors.Is(err, store.ErrAway) {
			t.Errorf("an error of the caller's is %v", err)
		}
		again("an error of the caller's")
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a panic does not come through")
				}
			}()
			_ = s.Read(t.Context(), rows, nil, func(store.Row) error { panic("of the caller's") })
		}()
		again("a panic")
		for _, dest := range [][]any{{new(time.Time)}, {}, {new(int), new(int)}} {
			if err := s.Read(t.Context(), rows, nil, func(row store.Row) error { return row.Scan(dest...) }); err == nil || errors.Is(err, store.ErrAway) {
				t.Errorf("into %T: %v", dest, err)
			}
			again("a destination that does not fit")
		}
		if s.Embedded() {
			return
		}
		const cut = `SELECT CASE WHEN i = 5000 THEN pg_terminate_backend(pg_backend_pid())::int ELSE i END FROM generate_series(1, 6000) i`
		if err := s.Read(t.Context(), cut, nil, func(row store.Row) error { return row.Scan(new(int)) }); !errors.Is(err, store.ErrAway) {
			t.Errorf("cut in the middle of its rows: %v, want ErrAway", err)
		}
		again("a cut")
	})
}

// TestConnections_Writer: a transaction's connection is in use, as a read's is.
func TestConnections_Writer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if _, err := tx.User.Query().Count(ctx); err != nil {
				return err
			}
			if c := s.Connections(); c.InUse < 1 || c.InUse > c.Max {
				t.Errorf("%+v", c)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
