package janitor_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/janitor"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestSweep_OldRowsOnly makes more of each kind of row than one batch holds, and lets several sweep at once.
func TestSweep_OldRowsOnly(t *testing.T) {
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := a.NewPerson(t)
		now := store.Now()
		for name, ends := range map[string]time.Time{
			"long over": now.Add(-25 * time.Hour), "just over": now.Add(-23 * time.Hour), "live": now.Add(time.Hour),
		} {
			rows := 3
			if name == "long over" {
				rows = 1200
			}
			var sessions, keys []string
			for i := range rows {
				sessions = append(sessions, fmt.Sprintf("('%s', $1, $1, $1, $1, $1, $2, '%s', '', '%s')", uuid.New(), name, strings.ToLower(p.GetId())))
				keys = append(keys, fmt.Sprintf("('%s %d', '', '%s', $1)", name, i, uuid.New()))
			}
			a.Exec(t, `INSERT INTO sessions (id, rotated_at, created_at, last_seen_at, refresh_expires_at, expires_at, refresh_salt, ip, user_agent, user_id)`+
				` VALUES `+strings.Join(sessions, ", "), ends, []byte("salt"))
			a.Exec(t, `INSERT INTO idempotency_keys (id, request_hash, result_id, created_at) VALUES `+strings.Join(keys, ", "), ends)
		}

		for _, period := range []string{"2020-01-31", "2020-01", now.Format(time.DateOnly), now.Format("2006-01")} {
			a.Exec(t, `INSERT INTO usage_periods (id, user_id, period, requests, used, reserved) VALUES ($1, $2, $3, 1, 1, 0)`,
				p.GetId()+"/"+period, uuid.MustParse(p.GetId()), period)
		}

		log := audit.Open(a.Store)
		deleted := make(chan int64)
		for range 3 {
			go func() {
				n, err := janitor.New(a.Store, log, config.Retain{}).Sweep(t.Context())
				if err != nil {
					t.Error(err)
				}
				deleted <- n
			}()
		}
		if n := <-deleted + <-deleted + <-deleted; n != 2402 {
			t.Errorf("%d rows were deleted", n)
		}
		sessions, err := a.Store.Session.Query().Count(t.Context())
		if err != nil || sessions != 7 { // and the person's own
			t.Errorf("%d sessions are left, %v", sessions, err)
		}
		keys, err := a.Store.IdempotencyKey.Query().Count(t.Context())
		if err != nil || keys != 6 {
			t.Errorf("%d idempotency keys are left, %v", keys, err)
		}
		if n, err := janitor.New(a.Store, log, config.Retain{}).Sweep(t.Context()); n != 0 || err != nil {
			t.Errorf("again: %d, %v", n, err)
		}
	})
}

func TestRun_SweepsAndStops(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		log := audit.Open(s)
		long := store.Now().Add(-48 * time.Hour)
		err := s.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			_, err := store.Exec(store.WithWrites(ctx), tx, `INSERT INTO idempotency_keys (id, request_hash, result_id, created_at) VALUES ('k', '', $1, $2)`, uuid.New(), long)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			janitor.New(s, log, config.Retain{}).Run(ctx)
		}()
		for left := 1; left > 0; time.Sleep(time.Millisecond) {
			if left, err = s.IdempotencyKey.Query().Count(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		stop()
		<-ended
	})
}
