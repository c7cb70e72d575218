package store

import (
	"context"

	"github.com/google/uuid"
)

// takeRequests refills the bucket up to now and takes $3 of it, if it has as many; else it changes and returns nothing. $2 is
// the bucket's size, which is refilled in a minute. The time is the database's: the replicas' clocks may differ. When it was
// set back nothing is refilled, once.
const takeRequests = `INSERT INTO rate_buckets (id, tokens, updated_us) VALUES ($1, $2::float8 - $3, ` + nowMicros + `) ` +
	`ON CONFLICT (id) DO UPDATE SET tokens = ` + refilled + ` - $3, updated_us = excluded.updated_us ` +
	`WHERE ` + refilled + ` >= $3 RETURNING tokens`

const (
	nowMicros = `(extract(epoch FROM now()) * 1000000)::bigint`
	refilled  = `least($2, rate_buckets.tokens + greatest(0, excluded.updated_us - rate_buckets.updated_us) / 60000000.0 * $2)`
)

// TakeRequests takes n requests of the user's token bucket that all replicas on PostgreSQL share: it holds perMinute and is
// refilled evenly. It reports whether there were as many, and how many are left if so. Like last-used times it is worth no
// audit entry.
func (s *Store) TakeRequests(ctx context.Context, user uuid.UUID, n, perMinute int) (left float64, ok bool, err error) {
	err = s.Read(ctx, takeRequests, []any{user, float64(perMinute), float64(n)}, func(row Row) error {
		ok = true
		return row.Scan(&left)
	})
	return left, ok, err
}
