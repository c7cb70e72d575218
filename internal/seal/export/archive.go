package export

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/seal/archive"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/leaf"
	"github.com/paddock-gate/paddock/internal/seal/tiles"
	"github.com/paddock-gate/paddock/internal/seal/verify"
	"github.com/paddock-gate/paddock/internal/store"
)

var (
	// ErrAllArchived means that there is no entry to archive.
	ErrAllArchived = errors.New("all entries that are sealed are archived")

	// ErrUnsure means that it is not known whether the database has recorded the archive: its files must be kept.
	ErrUnsure = errors.New("it is not known whether the archive is recorded: keep its files, and see whether paddock audit verify knows them")

	errUnlikeWritten = errors.New("what was read back from the file is not what was sealed")
)

// Archived is what Archive has done.
type Archived struct {
	First, Size int64 // the position of the first entry, and the one after the last
	SHA256      [sha256.Size]byte
	Checkpoint  string // the name of the file with the checkpoint
}

// archiving is one run of Archive.
type archiving struct {
	*verify.Reader
	store *store.Store
	log   *audit.Log
	key   *checkpoint.Key
	name  string
	made  []string // files
	of    archive.Record
}

// Archive writes the sealed entries that are not archived yet into a file, which must be new, each a line as Lines has it, and their
// checkpoint into another one beside it. It reads the file back, compares it with the checkpoint's root, and only then records that
// these entries are archived: they may be deleted from then on. The key signs the record. After an error no file is left, but for
// ErrUnsure.
func Archive(ctx context.Context, s *store.Store, log *audit.Log, key *checkpoint.Key, name, operator string) (done Archived, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := verify.Open(ctx, s, key.Verifiers())
	if err != nil {
		return done, err
	}
	if err := r.Fault(); err != nil {
		return done, err
	}
	a := &archiving{Reader: r, store: s, log: log, key: key, name: name}
	a.of = archive.Record{Origin: key.Name(), First: r.Archived, Tree: r.Checkpoint.Tree}
	if a.of.First == a.of.Tree.N {
		return done, ErrAllArchived
	}
	err = a.run(ctx)
	if err == nil {
		err = a.record(ctx, operator)
	}
	switch {
	case errors.Is(err, ErrUnsure):
		return done, err
	case err != nil:
		return done, errors.Join(err, a.remove())
	}
	return Archived{First: a.of.First, Size: a.of.Tree.N, SHA256: a.of.File, Checkpoint: a.checkpointName()}, nil
}

func (a *archiving) checkpointName() string { return a.name + ".checkpoint" }

// remove removes the files.
func (a *archiving) remove() (err error) {
	for _, file := range a.made {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// run makes the files.
func (a *archiving) run(ctx context.Context) error {
	if err := a.makeFile(a.name, func(w io.Writer) error { return a.writeEntries(ctx, w) }); err != nil {
		return err
	}
	err := a.makeFile(a.checkpointName(), func(w io.Writer) error {
		_, err := io.WriteString(w, a.Signed)
		return err
	})
	if err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(a.name)); err != nil {
		return err
	}
	return a.readBack(ctx)
}

// makeFile makes a file of what write writes, for its owner alone, and has the disk keep it.
func (a *archiving) makeFile(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	a.made = append(a.made, name)
	w := bufio.NewWriter(f)
	err = write(w)
	return errors.Join(err, w.Flush(), f.Sync(), f.Close())
}

// syncFolder makes the names in a folder survive a power cut.
func syncFolder(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// settledAfter is how long an entry's transaction, and clocks that differ, may take: younger ids can still be followed by older ones.
const settledAfter = 10 * time.Minute

// writeEntries writes the entries, and finds up to which id there is none that is not archived.
func (a *archiving) writeEntries(ctx context.Context, w io.Writer) error {
	settled := store.Now().Add(-settledAfter)
	err := a.Read(ctx, func(position int64, e verify.Entry) error {
		if leaf.IsBefore(e.ID, settled) && leaf.CompareIDs(e.ID, a.of.Through) > 0 {
			a.of.Through = e.ID
		}
		if position < a.of.First {
			return nil
		}
		_, err := w.Write(append(e.Line, '\n'))
		return err
	}, func(tiles.Leaf) error { return nil })
	if err != nil {
		return err
	}
	a.of.IDs = a.IDs()
	others, err := a.Unsealed(ctx)
	for id := range others {
		if leaf.CompareIDs(id, a.of.Through) <= 0 {
			a.of.Through = previous(id)
		}
	}
	return err
}

// previous returns the id before the id.
func previous(id uuid.UUID) uuid.UUID {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i]--; id[i] != 0xff {
			return id
		}
	}
	return uuid.Nil
}

// readBack compares the file, from the disk, with the root that was signed.
func (a *archiving) readBack(ctx context.Context) (err error) {
	f, err := archive.Open(a.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	read := tiles.New()
	err = tiles.ReadLeaves(ctx, a.store, a.of.Tree.N, func(l tiles.Leaf) error {
		if l.Position >= a.of.First {
			line, ok, err := f.Next()
			if err != nil {
				return err
			}
			if !ok {
				return errUnlikeWritten
			}
			l.Hash = leaf.Hash(line)
		}
		read.Append(l.ID, l.Hash)
		return nil
	})
	if err != nil {
		return err
	}
	root, err := read.Root()
	if err != nil {
		return err
	}
	if _, more, err := f.Next(); root != a.of.Tree.Hash || more || err != nil {
		return errors.Join(errUnlikeWritten, err)
	}
	a.of.File, err = f.Sum()
	return err
}

// record records the archive, together with an audit entry that tells of it. A commit may be one though its answer was lost: what is
// recorded then says whether it is. If that cannot be told, the files stay, and the error is ErrUnsure.
func (a *archiving) record(ctx context.Context, operator string) error {
	err := a.log.Do(ctx, func(ctx context.Context, tx *db.Tx) (audit.Event, error) {
		err := a.of.Insert(ctx, tx, a.key)
		return audit.Event{
			Type: audit.Bootstrap,
			Detail: fmt.Sprintf("audit entries at positions %d to %d archived in a file with SHA-256 %x, by %s on the command line",
				a.of.First, a.of.Tree.N-1, a.of.File, operator),
		}, err
	})
	if !errors.Is(err, store.ErrAway) {
		return err
	}
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	for {
		recorded, _, _ := archive.Read(ctx, a.store, a.key.Verifiers())
		i := slices.IndexFunc(recorded, func(r archive.Record) bool { return r.First == a.of.First })
		switch {
		case i >= 0 && recorded[i] == a.of:
			return nil
		case i >= 0:
			return errors.Join(archive.ErrMeanwhile, err)
		case ctx.Err() != nil: // where it can be read, the commit may still be under way
			return errors.Join(ErrUnsure, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(patience / 50):
		}
	}
}
