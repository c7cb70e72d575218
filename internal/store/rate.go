package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"
)

// takeRequests refills the bucket up to now ($3, in microseconds) and takes $4 of it, if it has as many; else it changes
// and returns nothing. $2 is the bucket's size, which is refilled in a minute.
const takeRequests = `INSERT INTO rate_buckets (id, tokens, updated_us) ` +
	`VALUES ($1, CAST($2 AS double precision) - $4, $3) ` +
	`ON CONFLICT (id) DO UPDATE SET tokens = ` + refilled + ` - $4, updated_us = $3 WHERE ` + refilled + ` >= $4 RETURNING tokens`

const refilled = `(CASE WHEN rate_buckets.tokens + (CAST($3 AS bigint) - rate_buckets.updated_us) / 60000000.0 * $2 < $2 ` +
	`THEN rate_buckets.tokens + (CAST($3 AS bigint) - rate_buckets.updated_us) / 60000000.0 * $2 ELSE $2 END)`

// TakeRequests takes n requests of the user's token bucket that all replicas share: it holds perMinute and is refilled
// evenly. It tells whether there were as many, and how many are left if so. Like last-used times it is worth no audit entry.
func (s *Store) TakeRequests(ctx context.Context, user uuid.UUID, n, perMinute int) (left float64, ok bool, err error) {
	err = s.Read(ctx, takeRequests, []any{user, float64(perMinute), time.Now().UnixMicro(), float64(n)}, func(rows *sql.Rows) error {
		ok = true
		return rows.Scan(&left)
	})
	return left, ok, err
}
