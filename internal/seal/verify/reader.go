package verify

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/tiles"
	"github.com/paddock-gate/paddock/internal/store"
)

// Reader reads the sealed entries in their order, each compared with what was sealed.
type Reader struct {
	Checkpoint checkpoint.Checkpoint // up to which it reads
	Signed     string                // the checkpoint as it was signed
	Archived   int64                 // up to which position all entries are archived

	verification *verification
}

// Open opens the newest checkpoint, and the files of archives, which have entries that were deleted.
func Open(ctx context.Context, s *store.Store, keys checkpoint.Verifiers, files ...string) (*Reader, error) {
	v := &verification{store: s, tree: tiles.New()}
	if err := v.open(ctx, Options{Keys: keys, Archives: files}); err != nil {
		return nil, errors.Join(err, v.closeArchives())
	}
	return &Reader{Checkpoint: v.now, Signed: v.report.Signed, Archived: v.archives.Size(), verification: v}, nil
}

// Close closes the files.
func (r *Reader) Close() error { return r.verification.closeArchives() }

// Fault returns what is wrong with the checkpoint and with the records of archives; nil if they are as they were signed.
func (r *Reader) Fault() error {
	if fault := r.verification.report.Fault(); fault != "" {
		return seeVerify(fault)
	}
	return r.verification.truncated
}

// Read hands the sealed entries to use, in their order and with their positions, after it has compared each with its hash, and those
// that were deleted after they were archived, and are in no file, to deleted. It reads ahead until ctx ends.
func (r *Reader) Read(ctx context.Context, use func(int64, Entry) error, deleted func(tiles.Leaf) error) error {
	v := r.verification
	v.entries = readEntries(ctx, v.store, 1, true)
	err := tiles.ReadLeaves(ctx, v.store, v.now.N, func(l tiles.Leaf) error {
		v.tree.Append(l.ID, l.Hash)
		line, err := v.inFiles(l)
		if err != nil {
			return err
		}
		e, ok, err := v.entries.take(ctx, l.ID)
		switch {
		case err != nil:
			return err
		case !ok && line != nil && v.archives.Has(l.Position):
			return use(l.Position, archivedEntry(l, line))
		case !ok && v.archives.Has(l.Position):
			return deleted(l)
		case !ok:
			return seeVerify(Finding{Kind: Deleted, Position: l.Position, Entry: l.ID}.String())
		case e.Hash != l.Hash:
			return seeVerify(Finding{Kind: Changed, Position: l.Position, Entry: l.ID}.String())
		}
		return use(l.Position, e)
	})
	if err != nil {
		return err
	}
	root, err := v.tree.Root()
	switch {
	case err != nil:
		return err
	case root != v.now.Hash:
		return seeVerify("the seal is not what was signed")
	}
	if err := v.finishFiles(); err != nil || len(v.files) == 0 || v.report.Fault() == "" {
		return err
	}
	return seeVerify(v.report.Fault())
}

// IDs returns the SHA-256 of the ids of the entries that were read.
func (r *Reader) IDs() [sha256.Size]byte { return [sha256.Size]byte(r.verification.ids.Sum(nil)) }

// Unsealed returns, after Read, the ids of the entries that are not sealed.
func (r *Reader) Unsealed(ctx context.Context) (iter.Seq[uuid.UUID], error) {
	others, err := r.verification.entries.rest(ctx)
	return maps.Keys(others), err
}

func seeVerify(fault string) error { return errors.New(fault + "; see paddock audit verify") }

// archivedEntry returns an entry of which an archive has the line.
func archivedEntry(l tiles.Leaf, line []byte) Entry {
	var e struct {
		OccurredAt time.Time `json:"occurred_at"`
	}
	_ = json.Unmarshal(line, &e) // it was compared with its hash
	return Entry{ID: l.ID, Hash: l.Hash, Occurred: e.OccurredAt, Line: slices.Clone(line)}
}
