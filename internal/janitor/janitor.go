// Package janitor deletes the rows that nobody will ask for again.
package janitor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/store"
)

const (
	// kept is how long a session stays after its end, an idempotency key after its call, and a bucket of requests after the last
	// one. None is of any use by then: a session that is over is refused and not listed, the audit trail refers to it by value,
	// and a bucket has been full for long, as it is when it is made.
	kept = 24 * time.Hour
	// skew is how far the clocks of replicas may be from the database's: what one still looks for is not deleted.
	skew = time.Hour
	// interval is how often each replica sweeps.
	interval = time.Hour
	// batch bounds one transaction, which holds up SQLite's one writer.
	batch = 500
	// batches bounds one sweep of a table; the next one goes on.
	batches = 2000
)

// Janitor deletes rows of one database. Several replicas may do so at the same time; its own methods are for one goroutine.
type Janitor struct {
	store   *store.Store
	log     *audit.Log
	retain  config.Retain
	batches int
	tables  []table

	// DeleteArchived deletes audit entries from before a day that are archived, no more than so many at a time; nil: none are.
	DeleteArchived func(ctx context.Context, day time.Time, most int64) (deleted int64, err error)
}

// New returns the janitor of the database.
func New(s *store.Store, log *audit.Log, retain config.Retain) *Janitor {
	return &Janitor{store: s, log: log, retain: retain, batches: batches, tables: []table{
		{name: "sessions", over: `expires_at < $1 OR revoked_at < $1`},
		{name: "idempotency_keys", index: "created_at"},
		// Those that it has issued must be found as long as they could be used.
		{name: "credentials", over: `(expires_at < $1 OR revoked_at < $1) AND NOT EXISTS ` +
			`(SELECT 1 FROM credentials issued WHERE issued.issued_by = credentials.id AND issued.revoked_at IS NULL)`},
		{name: "rate_buckets", over: `updated_us < $1`}, // without an index, which would make each request dearer
		{name: "usage_periods", index: "period"},        // of no use to quotas any more, nor to the overview
		{name: "usage_records", index: "started_at"},
	}}
}

// limits returns the times before which rows are over, by table; nil is never.
func (j *Janitor) limits(now time.Time) map[string]any {
	longAgo := now.Add(-kept)
	limits := map[string]any{
		"sessions":         longAgo,
		"idempotency_keys": longAgo,
		"rate_buckets":     longAgo.UnixMicro(),
		"usage_periods":    now.AddDate(0, -3, 0).Format(time.DateOnly),
	}
	if since := j.retain.KeysSince(now); !since.IsZero() {
		limits["credentials"] = since
	}
	if since := j.retain.UsageSince(now.Add(-skew)); !since.IsZero() {
		limits["usage_records"] = since
	}
	return limits
}

// now returns the time by the clock that all replicas have in common, the database's: a wrong one deletes what counts for the others.
func (j *Janitor) now(ctx context.Context) (now time.Time, err error) {
	if j.store.Embedded() {
		return store.Now(), nil
	}
	err = j.store.Read(ctx, "SELECT CURRENT_TIMESTAMP", nil, func(row store.Row) error { return row.Scan(&now) })
	return now.UTC(), err
}

// Run sweeps at once and then every hour, until ctx ends.
func (j *Janitor) Run(ctx context.Context) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if _, err := j.Sweep(ctx); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "rows that are over not deleted", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Sweep deletes what is over, up to a bound for each table, and returns how many rows that was.
func (j *Janitor) Sweep(ctx context.Context) (deleted int64, err error) {
	now, err := j.now(ctx)
	if err != nil {
		return 0, err
	}
	limits := j.limits(now)
	for i := range j.tables {
		if limit, ok := limits[j.tables[i].name]; ok {
			n, failed := j.sweep(ctx, &j.tables[i], limit)
			deleted, err = deleted+n, errors.Join(err, failed)
		}
	}
	if since := j.retain.AuditSince(now); !since.IsZero() && j.DeleteArchived != nil {
		n, failed := j.DeleteArchived(ctx, since, int64(batch*j.batches))
		deleted, err = deleted+n, errors.Join(err, failed)
	}
	return deleted, err
}
