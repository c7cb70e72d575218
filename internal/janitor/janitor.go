// Package janitor deletes the rows that nobody will ask for again.
package janitor

import (
	"context"
	"log/slog"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/store"
)

const (
	// kept is how long a session stays after its end, and an idempotency key after its call. Neither is of any use by
	// then: a session that is over is refused and not listed, and the audit trail refers to it by value.
	kept = 24 * time.Hour
	// interval is how often each replica sweeps.
	interval = time.Hour
	// batch bounds one transaction, which holds up SQLite's one writer.
	batch = 500
)

// sweeps delete a batch ($2) of what was over before a time ($1), by the index on that.
var sweeps = []struct {
	statement string
	before    func(now time.Time) any
}{
	{`DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`, longOver},
	{`DELETE FROM idempotency_keys WHERE id IN (SELECT id FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)`, longOver},
	// Of no use to quotas any more, nor to the overview; the usage records stay.
	{`DELETE FROM usage_periods WHERE id IN (SELECT id FROM usage_periods WHERE period < $1 ORDER BY period LIMIT $2)`, threeMonthsAgo},
}

func longOver(now time.Time) any { return now.Add(-kept) }

func threeMonthsAgo(now time.Time) any { return now.AddDate(0, -3, 0).Format(time.DateOnly) }

// Run sweeps at once and then every hour, until ctx ends. Several replicas may do so at the same time.
func Run(ctx context.Context, log *audit.Log) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if _, err := Sweep(ctx, log); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "rows that are over not deleted", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Sweep deletes what has expired and returns how many rows that was.
func Sweep(ctx context.Context, log *audit.Log) (deleted int64, err error) {
	now := store.Now()
	for _, sweep := range sweeps {
		for n := int64(1); n > 0; deleted += n {
			err := log.Unaudited(ctx, "delete what is over", func(ctx context.Context, tx *db.Tx) (err error) {
				n, err = store.Exec(ctx, tx, sweep.statement, sweep.before(now), batch)
				return err
			})
			if err != nil {
				return deleted, err
			}
		}
	}
	return deleted, nil
}
