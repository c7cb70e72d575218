package period

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/usageperiod"
	"github.com/paddock-gate/paddock/internal/store"
)

// Sums are the periods that a transaction is about: as they are in the database, for those that were locked, and what the transaction
// adds.
type Sums struct {
	ctx      context.Context //nolint:containedctx // of the one transaction
	tx       *db.Tx
	embedded bool // nobody else writes meanwhile
	known    map[string]*Sum
}

// Sum is one of a user's periods.
type Sum struct {
	Period         string
	Used, Reserved int64 // in all

	user uuid.UUID
	add  struct{ requests, used, reserved int64 }
}

// NewSums returns none yet.
func NewSums(ctx context.Context, tx *db.Tx, embedded bool) *Sums {
	return &Sums{ctx: ctx, tx: tx, embedded: embedded, known: map[string]*Sum{}}
}

// Of returns the sums of the day and the month of a user's call.
func (s *Sums) Of(user uuid.UUID, startedAt time.Time) (day, month *Sum) {
	d, m := Names(startedAt)
	return s.of(user, d), s.of(user, m)
}

func (s *Sums) of(user uuid.UUID, period string) *Sum {
	id := ID(user, period)
	if s.known[id] == nil {
		s.known[id] = &Sum{user: user, Period: period}
	}
	return s.known[id]
}

// Lock reads the periods that Of was asked for, and keeps everybody else from changing them until the commit. Always in the order of
// their ids, so that no two replicas wait for each other.
func (s *Sums) Lock() error {
	if len(s.known) == 0 {
		return nil
	}
	found, err := s.read()
	if err != nil || found == len(s.known) || s.embedded {
		return err
	}
	if err := s.upsert(slices.Sorted(maps.Keys(s.known))); err != nil { // a row that is not there cannot be locked
		return err
	}
	_, err = s.read()
	return err
}

// read reads the periods, and locks them where others could write.
func (s *Sums) read() (found int, err error) {
	q := s.tx.UsagePeriod.Query().Where(usageperiod.IDIn(slices.Sorted(maps.Keys(s.known))...))
	if !s.embedded {
		q.Order(usageperiod.ByID()).ForUpdate()
	}
	rows, err := q.All(s.ctx)
	for _, row := range rows {
		s.known[row.ID].Used, s.known[row.ID].Reserved = row.Used, row.Reserved
	}
	return len(rows), err
}

// Hold reserves so many more tokens, or frees them.
func (s *Sum) Hold(tokens int64) {
	s.Reserved += tokens
	s.add.reserved += tokens
}

// Charge settles a call that cost so many tokens, and frees others.
func (s *Sum) Charge(tokens, freed int64) {
	s.Hold(-freed)
	s.Used += tokens
	s.add.used += tokens
	s.add.requests++
}

// Left returns what of the limit is neither used nor reserved.
func (s *Sum) Left(limit *int64) int64 {
	if limit == nil {
		return 1 << 62
	}
	return *limit - s.Used - s.Reserved
}

// Write adds what the group adds, in the order in which Lock locks.
func (s *Sums) Write() error {
	var changed []string
	for id, p := range s.known {
		if p.add.requests != 0 || p.add.used != 0 || p.add.reserved != 0 {
			changed = append(changed, id)
		}
	}
	slices.Sort(changed)
	return s.upsert(changed)
}

func (s *Sums) upsert(ids []string) error {
	var rows [][]any
	for _, id := range ids {
		p := s.known[id]
		rows = append(rows, []any{id, p.user, p.Period, p.add.requests, p.add.used, p.add.reserved})
	}
	return store.SendRows(s.ctx, s.tx, `INSERT INTO usage_periods (id, user_id, period, requests, used, reserved) VALUES `, rows,
		` ON CONFLICT (id) DO UPDATE SET requests = usage_periods.requests + excluded.requests, `+
			`used = usage_periods.Used + excluded.used, reserved = usage_periods.Reserved + excluded.reserved`)
}
