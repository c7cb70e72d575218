package seal

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/seal/leaf"
	"github.com/paddock-gate/paddock/internal/seal/tiles"
	"github.com/paddock-gate/paddock/internal/store"
)

// DeleteArchived deletes archived entries from before a day (UTC), the oldest first, no more than most and those of a tile, and returns
// how many that was. An entry says so before the first one is. It leaves as much time to others as it takes. What is sealed of those that
// are deleted stays, so that the others can be verified, and these with their archives.
func (s *Sealer) DeleteArchived(ctx context.Context, day time.Time, most int64) (deleted int64, err error) {
	ctx = store.SumsOnly(ctx) // what is remembered of users and keys stays
	archives, faults, err := readArchives(ctx, s.store, s.key.Verifiers())
	if err != nil || len(archives) == 0 && len(faults) == 0 {
		return 0, err
	}
	if len(faults) > 0 {
		return 0, errors.New(faults[0].String())
	}
	told := false
	for number := s.cleared; number*tiles.Width < archives.size() && deleted < most; number++ {
		begun := time.Now()
		old, younger, err := s.old(ctx, archives, number, day)
		if err != nil || younger {
			return deleted, err
		}
		over, err := s.over(ctx, old, day)
		if err == nil && len(over) > 0 && !told {
			told, err = true, s.tellDeletion(ctx, day)
		}
		if err == nil && len(over) > 0 {
			err = s.delete(ctx, over, day)
		}
		if err != nil {
			return deleted, err
		}
		if number == s.cleared && len(old) == tiles.Width {
			s.cleared++
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
func (s *Sealer) old(ctx context.Context, archives archives, number int64, day time.Time) (old []uuid.UUID, younger bool, err error) {
	ids, err := tiles.ReadIDs(ctx, s.store, number)
	if err != nil {
		return nil, false, err
	}
	size, through := archives.size(), archives.through()
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
func (s *Sealer) over(ctx context.Context, old []uuid.UUID, day time.Time) (over []uuid.UUID, err error) {
	if len(old) == 0 {
		return nil, nil
	}
	const query = `SELECT id FROM audit_entries WHERE id >= $1 AND id <= $2 AND occurred_at < $3`
	err = s.store.Read(store.Slow(ctx), query, []any{old[0], old[len(old)-1], day}, func(rows *sql.Rows) error {
		var value any
		if err := rows.Scan(&value); err != nil {
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
func (s *Sealer) tellDeletion(ctx context.Context, day time.Time) error {
	before, err := deletedBefore(ctx, s.store)
	if err != nil || !day.After(before) {
		return err
	}
	return s.log.Record(ctx, audit.Event{Type: audit.Bootstrap, Detail: deletedText + day.Format(time.DateOnly)})
}

func (s *Sealer) delete(ctx context.Context, over []uuid.UUID, day time.Time) error {
	return s.log.Unaudited(ctx, "delete archived audit entries", func(ctx context.Context, tx *db.Tx) error {
		if !s.store.Embedded() {
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
