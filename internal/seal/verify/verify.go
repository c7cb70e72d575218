// Package verify compares the audit trail with what was sealed, and that with signed checkpoints, with archives and with what a witness
// has cosigned. What it reads of the trail may be exported.
package verify

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/seal/archive"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/leaf"
	"github.com/paddock-gate/paddock/internal/seal/tiles"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/witness"
)

// Options say what to verify against.
type Options struct {
	Keys checkpoint.Verifiers
	// Old are checkpoints from outside of the database, signed notes, in any order; it may be nil. They must have been signed before
	// Trail begins, and may be ranged over twice.
	Old iter.Seq2[[]byte, error]
	// Archives are names of files of archives, with which entries are compared that are in no database any more.
	Archives []string
	// Readers is how many pages of entries are read at once, each by a connection of its own; 0 means one.
	Readers int
	// Witness must have cosigned a checkpoint, if it is not nil.
	Witness *witness.Key
}

// Trail compares all audit entries with what was sealed, and that with the signed checkpoint. It fails with ErrNotSealed,
// checkpoint.ErrSignature, checkpoint.ErrForked, checkpoint.ErrTruncated or the two, and with a witness also with ErrNotCosigned, ErrDisputed or
// witness.ErrCosignature; what is wrong with entries is in the report. Servers may write meanwhile.
func Trail(ctx context.Context, s *store.Store, o Options) (Report, error) {
	v := verification{store: s, tree: tiles.New(), upper: map[tiles.Key][]byte{}}
	v.tree.Full = func(key tiles.Key, data []byte) {
		if key.Level > 0 {
			v.upper[key] = data
		}
	}
	err := v.open(ctx, o)
	if err == nil {
		err = v.run(ctx, max(o.Readers, 1))
	}
	err = errors.Join(err, v.closeArchives())
	if err == nil && len(v.report.Findings) > 0 {
		// Entries that were archived and deleted meanwhile are none.
		if now, _, err := archive.Read(ctx, s, o.Keys); err == nil && len(now) > len(v.archives) {
			return Trail(ctx, s, o)
		}
	}
	slices.SortStableFunc(v.report.Findings, func(a, b Finding) int { return int(a.Position - b.Position) })
	return v.report, errors.Join(err, v.truncated, v.disputed)
}

// run compares everything.
func (v *verification) run(ctx context.Context, readers int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v.entries = readEntries(ctx, v.store, readers, false)
	if err := tiles.ReadLeaves(ctx, v.store, v.now.N, func(l tiles.Leaf) error { return v.leaf(ctx, l) }); err != nil {
		return err
	}
	if err := v.finishTree(ctx); err != nil {
		return err
	}
	if err := v.finishArchives(ctx); err != nil {
		return err
	}
	if err := v.nameSwapped(ctx); err != nil {
		return err
	}
	return v.findInserted(ctx)
}

// verification is one run of Trail, or of a Reader.
type verification struct {
	store *store.Store
	now   checkpoint.Checkpoint
	old   kept
	// truncated is the error of an old checkpoint of more entries than there are. What there is is compared all the same.
	truncated error
	witnessed checkpoint.Newest // with a witness
	disputed  error             // what is wrong with the witness's cosignatures
	entries   *entries
	tree      *tiles.Tree          // of the leaves so far
	upper     map[tiles.Key][]byte // its full tiles of hashes of tiles
	changed   []tiles.Leaf         // whose entries have another hash
	report    Report
	archivedPart
}

// open reads the checkpoints: the head after all others in the database, so that it is the newest.
func (v *verification) open(ctx context.Context, o Options) error {
	if err := v.readRecords(ctx, o); err != nil {
		return err
	}
	if err := v.readCosigned(ctx, o); err != nil {
		return err
	}
	h, err := checkpoint.ReadHead(ctx, v.store)
	if err != nil {
		return err
	}
	if h.Signed != "" {
		if v.now, err = checkpoint.Open([]byte(h.Signed), o.Keys); err != nil {
			return err
		}
		v.report.Origin, v.report.Size, v.report.Root, v.report.Signed = v.now.Origin, v.now.N, v.now.Hash, h.Signed
	}
	v.old = newKept(ctx, v.store, v.now.Tree)
	if o.Old != nil {
		err := v.old.compare(o.Old, o.Keys, func(c checkpoint.Checkpoint, signed []byte) {
			if err := v.addCosigned(c, signed, o.Witness); v.disputed == nil {
				v.dispute(err)
			}
		})
		if err != nil {
			return err
		}
	}
	if h.Signed == "" {
		if err := v.old.fit(); err != nil {
			return err
		}
		return v.nothingSealed(ctx)
	}
	if err := v.openArchives(ctx, o); err != nil {
		return err
	}
	if err := v.openCosigned(o); err != nil {
		return err
	}
	v.truncated = v.old.fit()
	if h.Size != v.now.N {
		v.report.add(Finding{Kind: Damaged, Position: -1, Detail: fmt.Sprintf("the size is %d, and that of the checkpoint %d", h.Size, v.now.N)})
	}
	return nil
}

// leaf compares a leaf with its entry.
func (v *verification) leaf(ctx context.Context, l tiles.Leaf) error {
	found, ok, err := v.entries.take(ctx, l.ID)
	if err != nil {
		return err
	}
	archived, err := v.archived(ctx, l, ok)
	switch {
	case err != nil:
		return err
	case archived:
	case !ok:
		v.report.add(Finding{Kind: Deleted, Position: l.Position, Entry: l.ID})
	case found.Hash != l.Hash && len(v.changed) < maxFindings:
		v.changed = append(v.changed, l)
	case found.Hash != l.Hash:
		v.report.More++
	}
	v.tree.Append(l.ID, l.Hash)
	return nil
}

// finishTree compares the leaves with the checkpoints.
func (v *verification) finishTree(ctx context.Context) error {
	root, err := v.tree.Root()
	if err != nil {
		return err
	}
	if root != v.now.Hash {
		return v.nameDamaged(ctx)
	}
	if err := v.old.continued(); err != nil {
		return err
	}
	if err := v.compareUpper(ctx); err != nil || len(v.report.Findings) > 0 {
		return err
	}
	return v.old.unread
}

// nameSwapped tells entries that have what was sealed as another's from those that were changed in another way.
func (v *verification) nameSwapped(ctx context.Context) error {
	rows := make([]*leaf.Row, len(v.changed))
	for i, l := range v.changed {
		r := leaf.NewRow()
		query := `SELECT ` + leaf.Columns("") + ` FROM audit_entries WHERE id = $1`
		if err := v.store.Read(ctx, query, []any{l.ID}, func(found store.Row) error { return r.Scan(found) }); err != nil {
			return err
		}
		rows[i] = r
	}
	for i, l := range v.changed {
		f := Finding{Kind: Changed, Position: l.Position, Entry: l.ID}
		for j, other := range v.changed {
			if i == j {
				continue
			}
			moved := rows[j].WithID(l.ID)
			if leaf.Hash(moved.AppendTo(nil)) == l.Hash || leaf.Hash(rows[i].AppendTo(nil)) == other.Hash {
				f.Kind, f.Detail = Swapped, "with entry "+other.ID.String()
				break
			}
		}
		v.report.add(f)
	}
	return nil
}

// findInserted finds the entries that are neither sealed nor wait to be, also not by now.
func (v *verification) findInserted(ctx context.Context) error {
	rest, err := v.entries.rest(ctx)
	if err != nil {
		return err
	}
	if err := v.nameForeign(ctx); err != nil {
		return err
	}
	// In this order: who is sealed meanwhile is found at least once.
	const waiting = `SELECT u.id, a.id IS NULL FROM unsealed_entries AS u LEFT JOIN audit_entries AS a ON a.id = u.id`
	err = v.store.Read(store.Slow(ctx), waiting, nil, func(row store.Row) error {
		var (
			value   any
			missing bool
		)
		if err := row.Scan(&value, &missing); err != nil {
			return err
		}
		id, ok := leaf.ParseID(value)
		switch {
		case !ok:
			v.report.add(Finding{Kind: Damaged, Position: -1, Detail: fmt.Sprintf("%q, which is no id, waits to be sealed", value)})
		case missing:
			v.report.add(Finding{Kind: Deleted, Position: -1, Entry: id, Detail: "before it was sealed"})
		}
		v.report.Waiting++
		delete(rest, id)
		return nil
	})
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return nil
	}
	h, err := checkpoint.ReadHead(ctx, v.store)
	if err != nil {
		return err
	}
	for number := v.now.N / tiles.Width; number*tiles.Width < h.Size; number++ {
		ids, err := tiles.ReadIDs(ctx, v.store, number)
		if err != nil {
			return err
		}
		for n, id := range ids {
			if number*tiles.Width+int64(n) >= v.now.N {
				delete(rest, id)
			}
		}
	}
	for id := range rest {
		detail := "neither sealed nor waiting to be"
		if id == uuid.Nil {
			detail = "entry " + id.String() + ", " + detail
		}
		v.report.add(Finding{Kind: Inserted, Position: -1, Entry: id, Detail: detail})
	}
	return nil
}

// nameForeign names the entries whose ids are none of ours: nobody but by hand has inserted them.
func (v *verification) nameForeign(ctx context.Context) error {
	for _, text := range v.entries.foreign {
		v.report.add(Finding{Kind: Inserted, Position: -1, Detail: fmt.Sprintf("an entry with %q, which is no id", text)})
	}
	v.report.More += v.entries.more
	n, err := countNotText(ctx, v.store)
	if n > 0 {
		v.report.add(Finding{Kind: Inserted, Position: -1, Detail: fmt.Sprintf("%d entries with ids that are no text", n)})
	}
	return err
}
