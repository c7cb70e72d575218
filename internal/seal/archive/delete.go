package archive

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/leaf"
	"github.com/paddock-gate/paddock/internal/seal/tiles"
	"github.com/paddock-gate/paddock/internal/store"
)

// Deleter deletes archived entries.
type Deleter struct {
	store   *store.Store
	log     *audit.Log
	keys    checkpoint.Verifiers
	cleared int64 // tiles at the beginning whose entries are deleted
}

// NewDeleter returns a deleter of what is archived in records that one of the keys has signed.
func NewDeleter(s *store.Store, log *audit.Log, keys checkpoint.Verifiers) *Deleter {
	return &Deleter{store: s, log: log, keys: keys}
}

// Delete deletes archived entries from before a day (UTC), the oldest first, no more than most and those of a tile, and returns
// how many that was. An entry says so before the first one is. It leaves as much time to others as it takes. What is sealed of those that
// are deleted stays, so that the others can be verified, and these with their archives.
func (d *Deleter) Delete(ctx context.Context, day time.Time, most int64) (deleted int64, err error) {
	ctx = store.SumsOnly(ctx) // what is remembered of users and keys stays
	archives, faults, err := Read(ctx, d.store, d.keys)
	if err != nil || len(archives) == 0 && len(faults) == 0 {
		return 0, err
	}
	if len(faults) > 0 {
		return 0, fmt.Errorf("damaged: %w", faults[0])
	}
	told := false
	for number := d.cleared; number*tiles.Width < archives.Size() && deleted < most; number++ {
		begun := time.Now()
		old, younger, err := d.old(ctx, archives, number, day)
		if err != nil || younger {
			return deleted, err
		}
		over, err := d.over(ctx, old, day)
		if err == nil && len(over) > 0 && !told {
			told, err = true, d.tellDeletion(ctx, day)
		}
		if err == nil && len(over) > 0 {
			err = d.delete(ctx, over, day)
		}
		if err != nil {
			return deleted, err
		}
		if number == d.cleared && len(old) == tiles.Width {
			d.cleared++
		}
		if deleted += int64(len(over)); len(over) == 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return deleted, ctx.Err()
		case <-time.After(time.Since(begun)):
		}
	}
	return deleted, nil
}

// old returns the ids of a tile that are archived and from before the day, in their order, and reports whether there are younger ones alone.
func (d *Deleter) old(ctx context.Context, archives Records, number int64, day time.Time) (old []uuid.UUID, younger bool, err error) {
	ids, err := tiles.ReadIDs(ctx, d.store, number)
	if err != nil {
		return nil, false, err
	}
	size, through := archives.Size(), archives.Through()
	for _, id := range ids[:min(int64(len(ids)), size-number*tiles.Width)] {
		switch {
		case !leaf.IsBefore(id, day):
			younger = younger || id.Version() == leaf.IDVersion
		case leaf.CompareIDs(id, through) <= 0:
			old = append(old, id)
		}
	}
	slices.SortFunc(old, leaf.CompareIDs)
	return old, younger && len(old) == 0, nil
}

// over returns those of the ids, which must be sorted, whose entries are still there and from before the day.
func (d *Deleter) over(ctx context.Context, old []uuid.UUID, day time.Time) (over []uuid.UUID, err error) {
	if len(old) == 0 {
		return nil, nil
	}
	const query = `SELECT id FROM audit_entries WHERE id >= $1 AND id <= $2 AND occurred_at < $3`
	err = d.store.Read(store.Slow(ctx), query, []any{old[0], old[len(old)-1], day}, func(row store.Row) error {
		var value any
		if err := row.Scan(&value); err != nil {
			return err
		}
		id, ok := leaf.ParseID(value)
		if _, found := slices.BinarySearchFunc(old, id, leaf.CompareIDs); ok && found {
			over = append(over, id)
		}
		return nil
	})
	return over, err
}

// tellDeletion writes the entry that says what is deleted, unless one does.
func (d *Deleter) tellDeletion(ctx context.Context, day time.Time) error {
	before, err := DeletedBefore(ctx, d.store)
	if err != nil || !day.After(before) {
		return err
	}
	return d.log.Record(ctx, audit.Event{Type: audit.Bootstrap, Detail: deletedText + day.Format(time.DateOnly)})
}

func (d *Deleter) delete(ctx context.Context, over []uuid.UUID, day time.Time) error {
	return d.log.Unaudited(ctx, "delete archived audit entries", func(ctx context.Context, tx *db.Tx) error {
		if !d.store.Embedded() {
			ids := make([]string, len(over))
			for i, id := range over {
				ids[i] = id.String()
			}
			return store.Send(ctx, tx, `SELECT delete_archived_audit_entries($1::uuid[], $2)`, ids, day)
		}
		rows := make([][]any, len(over))
		for i, id := range over {
			rows[i] = []any{id}
		}
		return store.SendRows(ctx, tx, `DELETE FROM audit_entries WHERE id IN (`, rows, `)`)
	})
}

// deletedText and a day are the detail of the entry that a server writes before it deletes those of before that day.
const deletedText = "archived audit entries are deleted that are from before "

// DeletedBefore returns before which time entries were deleted that were archived; the zero time if none was. A day on which none was old
// enough yet is of a clock that was wrong, or of a forger.
func DeletedBefore(ctx context.Context, s *store.Store) (before time.Time, err error) {
	const query = `SELECT occurred_at, detail FROM audit_entries WHERE event_type = $1 AND detail LIKE $2`
	err = s.Read(store.Slow(ctx), query, []any{string(audit.Bootstrap), deletedText + "%"}, func(row store.Row) error {
		var (
			occurred leaf.Moment
			detail   string
		)
		if err := row.Scan(&occurred, &detail); err != nil {
			return err
		}
		day, err := time.Parse(time.DateOnly, strings.TrimPrefix(detail, deletedText))
		said := occurred.V
		if now := store.Now(); said.After(now) {
			said = now
		}
		if err == nil && occurred.Valid && !day.After(said.Add(-config.LeastAudit)) && day.After(before) {
			before = day
		}
		return nil
	})
	return before, err
}
