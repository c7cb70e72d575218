package seal

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/store"
)

// ExportLines writes the sealed entries since a time, in the order in which they were sealed: each is a line with exactly what was
// sealed, so that the SHA-256 of a zero byte and the line is its hash in the tree. It fails at an entry that is not what was sealed.
func ExportLines(ctx context.Context, s *store.Store, keys Verifiers, since time.Time, w io.Writer) (written int64, err error) {
	out := bufio.NewWriter(w)
	err = export(ctx, s, keys, func(e entry) error {
		if e.occurred.Before(since) {
			return nil
		}
		written++
		_, err := out.Write(append(e.line, '\n'))
		return err
	}, nil)
	return written, errors.Join(err, out.Flush())
}

// ExportTiles writes the checkpoint, the tiles and the entries into a folder, which must be new, as C2SP tlog-tiles lays them out. What
// serves that folder's files is a log that foreign programs can verify.
func ExportTiles(ctx context.Context, s *store.Store, keys Verifiers, dir string) (written int64, err error) {
	if err := os.Mkdir(dir, 0o750); err != nil {
		return 0, err
	}
	var (
		bundle []byte
		now    checkpoint
		signed string
	)
	writeBundle := func(width int64) error {
		number := (written - 1) / tileWidth
		path := tilePath(tlog.Tile{H: tileHeight, L: -1, N: number, W: int(width)})
		err := writeFile(dir, path, bundle)
		bundle = bundle[:0]
		return err
	}
	err = export(ctx, s, keys, func(e entry) error {
		if len(e.line) > math.MaxUint16 { // which the widths of the columns do not let in
			return fmt.Errorf("entry %s is too long", e.id)
		}
		bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(e.line))), e.line...)
		if written++; written%tileWidth == 0 {
			return writeBundle(tileWidth)
		}
		return nil
	}, func(c checkpoint, text string) { now, signed = c, text })
	if err == nil && written%tileWidth > 0 {
		err = writeBundle(written % tileWidth)
	}
	if err != nil {
		return written, err
	}
	for _, t := range tlog.NewTiles(tileHeight, 0, now.N) {
		data, err := readTile(ctx, s, tileKey{t.L, t.N})
		if err != nil {
			return written, err
		}
		if len(data) < t.W*tlog.HashSize {
			return written, errTiles
		}
		if err := writeFile(dir, tilePath(t), data[:t.W*tlog.HashSize]); err != nil {
			return written, err
		}
	}
	return written, writeFile(dir, "checkpoint", []byte(signed))
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

// export hands the sealed entries to use, in their order, after it has compared each with its hash and told open, if that is not nil,
// of the checkpoint.
func export(ctx context.Context, s *store.Store, keys Verifiers, use func(entry) error, open func(checkpoint, string)) error {
	v := verification{store: s, tree: newTree()}
	if err := v.open(ctx, Options{Keys: keys}); err != nil {
		return err
	}
	if open != nil {
		open(v.now, v.report.Signed)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	entries := readEntries(ctx, s, 1, true)
	err := readLeaves(ctx, s, v.now.N, func(l leaf) error {
		e, ok, err := entries.take(ctx, l.id)
		switch {
		case err != nil:
			return err
		case !ok:
			return fmt.Errorf("%v; see paddock audit verify", Finding{Kind: Deleted, Position: l.position, Entry: l.id})
		case e.hash != l.hash:
			return fmt.Errorf("%v; see paddock audit verify", Finding{Kind: Changed, Position: l.position, Entry: l.id})
		}
		v.tree.append(l.id, l.hash)
		return use(e)
	})
	if err != nil {
		return err
	}
	root, err := v.tree.root()
	if err == nil && root != v.now.Hash {
		err = errors.New("the seal is not what was signed; see paddock audit verify")
	}
	return err
}
