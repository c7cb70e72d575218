package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/seal/archive"
	"github.com/paddock-gate/paddock/internal/seal/leaf"
	"github.com/paddock-gate/paddock/internal/seal/tiles"
)

// archivedPart is the part of a verification that is about archives, and about entries that were deleted after they were archived.
type archivedPart struct {
	archives archive.Records
	files    []*archiveFile
	ids      hash.Hash    // of the leaves so far
	deleted  []tiles.Leaf // of which it is not known yet whether they were old enough; at most mostDeleted
	before   time.Time    // entries from before this were
}

// readRecords reads the records of archives.
func (v *verification) readRecords(ctx context.Context, o Options) (err error) {
	var faults []error
	if v.archives, faults, err = archive.Read(ctx, v.store, o.Keys); err != nil {
		return err
	}
	for _, f := range faults {
		v.report.add(Finding{Kind: Damaged, Position: -1, Detail: f.Error()})
	}
	v.report.Archives = v.archives
	return nil
}

// openArchives compares the records of archives, each of which is also a checkpoint, and opens files that are archives.
func (v *verification) openArchives(ctx context.Context, o Options) (err error) {
	v.ids = sha256.New()
	for _, t := range v.archives.Trees() {
		if err := v.old.compareOne(t); err != nil {
			return err
		}
	}
	if v.before, err = archive.DeletedBefore(ctx, v.store); err != nil {
		return err
	}
	for _, name := range o.Archives {
		file, err := archive.Open(name)
		if err != nil {
			return err
		}
		f := &archiveFile{File: file, name: name}
		v.files = append(v.files, f)
		of, ok, err := v.beginsWith(ctx, f.FirstID())
		if err != nil {
			return err
		}
		f.of = of
		if f.ended, f.told = !ok, !ok; !ok {
			v.report.add(Finding{Kind: Damaged, Position: -1, Detail: "archive " + name + " does not begin as any that is recorded"})
		}
	}
	return nil
}

// beginsWith returns the archive whose first entry has the id.
func (v *verification) beginsWith(ctx context.Context, id uuid.UUID) (_ archive.Record, ok bool, err error) {
	for _, a := range v.archives {
		ids, err := tiles.ReadIDs(ctx, v.store, a.First/tiles.Width)
		if err != nil {
			return a, false, err
		}
		if n := int(a.First % tiles.Width); n < len(ids) && ids[n] == id {
			return a, true, nil
		}
	}
	return archive.Record{}, false, nil
}

func (v *verification) closeArchives() error {
	var err error
	for _, f := range v.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// mostDeleted bounds how many leaves are kept to be looked at together.
const mostDeleted = 1_000

// archived compares a leaf with the archives, and reports whether one has the entry, which may be deleted then.
func (v *verification) archived(ctx context.Context, l tiles.Leaf, isThere bool) (bool, error) {
	line, err := v.inFiles(l)
	if err != nil || isThere || !v.archives.Has(l.Position) {
		return false, err
	}
	v.report.Archived++
	if line != nil {
		v.report.Compared++
	}
	if !leaf.IsBefore(l.ID, v.before) {
		v.deleted = append(v.deleted, l)
	}
	if len(v.deleted) == mostDeleted {
		return true, v.nameDeleted(ctx)
	}
	return true, nil
}

// inFiles returns what a file has of the leaf; nil if none has it. It compares the ids so far with those that were archived, too.
func (v *verification) inFiles(l tiles.Leaf) (line []byte, err error) {
	v.ids.Write(l.ID[:])
	for _, a := range v.archives {
		if a.Tree.N == l.Position+1 && [sha256.Size]byte(v.ids.Sum(nil)) != a.IDs {
			v.report.add(Finding{Kind: Damaged, Position: -1, Detail: fmt.Sprintf("the ids up to position %d are not those that were archived", l.Position)})
		}
	}
	for _, f := range v.files {
		found, fault, err := f.compare(l)
		if err != nil {
			return nil, err
		}
		if fault != nil {
			v.report.add(*fault)
		}
		if found != nil {
			line = found
		}
	}
	return line, nil
}

// nameDeleted names the entries that were deleted too early. Before a server deletes any it says so.
func (v *verification) nameDeleted(ctx context.Context) (err error) {
	if len(v.deleted) == 0 {
		return nil
	}
	if v.before, err = archive.DeletedBefore(ctx, v.store); err != nil {
		return err
	}
	for _, l := range v.deleted {
		if !leaf.IsBefore(l.ID, v.before) {
			v.report.add(Finding{Kind: Deleted, Position: l.Position, Entry: l.ID, Detail: "archived, but not yet old enough to be deleted"})
		}
	}
	v.deleted = v.deleted[:0]
	return nil
}

// finishArchives names the entries that were deleted too early, and what is wrong with files.
func (v *verification) finishArchives(ctx context.Context) error {
	if err := v.nameDeleted(ctx); err != nil {
		return err
	}
	return v.finishFiles()
}

// finishFiles names files that have more than what was archived.
func (v *verification) finishFiles() error {
	for _, f := range v.files {
		fault, err := f.finish()
		if err != nil {
			return err
		}
		if fault != nil {
			v.report.add(*fault)
		}
	}
	return nil
}
