package seal

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/leaf"
	"github.com/paddock-gate/paddock/internal/seal/tiles"
	"github.com/paddock-gate/paddock/internal/store"
)

// ExportLines writes the sealed entries since a time, in the order in which they were sealed: each is a line with exactly what was
// sealed, so that the SHA-256 of a zero byte and the line is its hash in the tree. It leaves out those that were deleted after they were
// archived, unless they are in the files, and fails at another entry that is not what was sealed.
func ExportLines(ctx context.Context, s *store.Store, keys checkpoint.Verifiers, since time.Time, w io.Writer, files ...string) (written, archived int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v, err := openExport(ctx, s, keys, files...)
	defer func() { err = errors.Join(err, v.closeArchives()) }()
	if err != nil {
		return 0, 0, err
	}
	out := bufio.NewWriter(w)
	err = v.export(ctx, func(_ int64, e entry) error {
		if e.occurred.Before(since) {
			return nil
		}
		written++
		_, err := out.Write(append(e.line, '\n'))
		return err
	}, func(l tiles.Leaf) error {
		if !leaf.IsBefore(l.ID, since) {
			archived++
		}
		return nil
	})
	return written, archived, errors.Join(err, out.Flush())
}

// ExportTiles writes the checkpoint, the tiles and the entries into a folder, which must be new, as C2SP tlog-tiles lays them out. What
// serves that folder's files is a log that foreign programs can verify. The witness's cosignature is below the checkpoint, or, if that is
// newer than the newest cosigned one, in a file of its own, checkpoint.cosigned. Entries that were deleted after they were archived must
// be in the files.
func ExportTiles(ctx context.Context, s *store.Store, keys checkpoint.Verifiers, dir string, files ...string) (written int64, err error) {
	if err := os.Mkdir(dir, 0o750); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	was, cosigned, err := readCosigned(ctx, s, keys) // before the head, which is the newest then
	if err != nil {
		return 0, err
	}
	v, err := openExport(ctx, s, keys, files...)
	defer func() { err = errors.Join(err, v.closeArchives()) }()
	if err != nil {
		return 0, err
	}
	var bundle []byte
	writeBundle := func(width int64) error {
		number := (written - 1) / tiles.Width
		path := tilePath(tlog.Tile{H: tiles.Height, L: -1, N: number, W: int(width)})
		err := writeFile(dir, path, bundle)
		bundle = bundle[:0]
		return err
	}
	err = v.export(ctx, func(_ int64, e entry) error {
		if len(e.line) > math.MaxUint16 { // which the widths of the columns do not let in
			return fmt.Errorf("entry %s is too long", e.id)
		}
		bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(e.line))), e.line...)
		if written++; written%tiles.Width == 0 {
			return writeBundle(tiles.Width)
		}
		return nil
	}, func(l tiles.Leaf) error {
		return fmt.Errorf("%w: that at position %d", errArchived, l.Position)
	})
	if err == nil && written%tiles.Width > 0 {
		err = writeBundle(written % tiles.Width)
	}
	if err != nil {
		return written, err
	}
	stored := tiles.NewReader(ctx, s)
	for _, t := range tlog.NewTiles(tiles.Height, 0, v.now.N) {
		data, err := stored.ReadTiles([]tlog.Tile{t})
		if err != nil {
			return written, err
		}
		if err := writeFile(dir, tilePath(t), data[0]); err != nil {
			return written, err
		}
	}
	signed := v.report.Signed
	switch {
	case cosigned == "":
	case was == v.now:
		signed = cosigned
	default:
		err = writeFile(dir, "checkpoint.cosigned", []byte(cosigned))
	}
	return written, errors.Join(err, writeFile(dir, "checkpoint", []byte(signed)))
}

// tilePath returns the path of a tile as C2SP tlog-tiles has it, which leaves out the height; that of a bundle of entries for the
// level -1.
func tilePath(t tlog.Tile) string {
	path := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", t.H))
	if rest, ok := strings.CutPrefix(path, "data/"); ok {
		path = "entries/" + rest
	}
	return "tile/" + path
}

func writeFile(dir, path string, data []byte) error {
	path = filepath.Join(dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// errArchived means that an entry was deleted after it was archived.
var errArchived = errors.New("the whole log takes all entries, and some are in archives alone")

// openExport returns a verification that has read the checkpoint and opened the files, which closeArchives closes.
func openExport(ctx context.Context, s *store.Store, keys checkpoint.Verifiers, files ...string) (*verification, error) {
	v := &verification{store: s, tree: tiles.New()}
	return v, v.open(ctx, Options{Keys: keys, Archives: files})
}

// export hands the sealed entries to use, in their order and with their positions, after it has compared each with its hash, and those
// that were deleted after they were archived, and are in no file, to deleted. It reads ahead until ctx ends.
func (v *verification) export(ctx context.Context, use func(int64, entry) error, deleted func(tiles.Leaf) error) error {
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
		case e.hash != l.Hash:
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

func seeVerify(fault string) error { return errors.New(fault + "; see paddock audit verify") }

// archivedEntry returns an entry of which an archive has the line.
func archivedEntry(l tiles.Leaf, line []byte) entry {
	var e struct {
		OccurredAt time.Time `json:"occurred_at"`
	}
	_ = json.Unmarshal(line, &e) // it was compared with its hash
	return entry{id: l.ID, hash: l.Hash, occurred: e.OccurredAt, line: slices.Clone(line)}
}
