package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestTakeRequests_DatabaseClock checks that the shared bucket goes by the database's clock, and that callers are not
// refused until it has caught up after it was set back.
func TestTakeRequests_DatabaseClock(t *testing.T) {
	s := storetest.Open(t, storetest.PostgreSQL(t))
	user := uuid.New()
	take := func(want bool) {
		t.Helper()
		if _, ok, err := s.TakeRequests(t.Context(), user, 30, 60); ok != want || err != nil {
			t.Fatal(ok, err)
		}
	}
	move := func(by time.Duration) {
		t.Helper()
		err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			_, err := store.Exec(store.WithWrites(ctx), tx, `UPDATE rate_buckets SET updated_us = updated_us + $1`, by.Microseconds())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	take(true)
	move(2 * time.Minute) // as if the clock had been ahead
	take(true)
	take(false)
	move(-31 * time.Second) // as if that had passed
	take(true)
	take(false)
	move(-time.Hour)
	take(true)
	take(true)
	take(false) // it holds no more than a minute's
}
