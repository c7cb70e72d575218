// Package export writes the sealed entries of the audit trail into files: as lines, as the tiles of a transparency log, and as archives,
// whose entries may be deleted.
package export

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

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/leaf"
	"github.com/paddock-gate/paddock/internal/seal/tiles"
	"github.com/paddock-gate/paddock/internal/seal/verify"
	"github.com/paddock-gate/paddock/internal/store"
)

// Lines writes the sealed entries since a time, in the order in which they were sealed: each is a line with exactly what was
// sealed, so that the SHA-256 of a zero byte and the line is its hash in the tree. It leaves out those that were deleted after they were
// archived, unless they are in the files, and fails at another entry that is not what was sealed.
func Lines(ctx context.Context, s *store.Store, keys checkpoint.Verifiers, since time.Time, w io.Writer, files ...string) (written, archived int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := verify.Open(ctx, s, keys, files...)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	out := bufio.NewWriter(w)
	err = r.Read(ctx, func(_ int64, e verify.Entry) error {
		if e.Occurred.Before(since) {
			return nil
		}
		written++
		_, err := out.Write(append(e.Line, '\n'))
		return err
	}, func(l tiles.Leaf) error {
		if !leaf.IsBefore(l.ID, since) {
			archived++
		}
		return nil
	})
	return written, archived, errors.Join(err, out.Flush())
}

// Tiles writes the checkpoint, the tiles and the entries into a folder, which must be new, as C2SP tlog-tiles lays them out. What
// serves that folder's files is a log that foreign programs can verify. The witness's cosignature is below the checkpoint, or, if that is
// newer than the newest cosigned one, in a file of its own, checkpoint.cosigned. Entries that were deleted after they were archived must
// be in the files.
func Tiles(ctx context.Context, s *store.Store, keys checkpoint.Verifiers, dir string, files ...string) (written int64, err error) {
	if err := os.Mkdir(dir, 0o750); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	was, cosigned, err := readCosigned(ctx, s, keys) // before the head, which is the newest then
	if err != nil {
		return 0, err
	}
	r, err := verify.Open(ctx, s, keys, files...)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var bundle []byte
	writeBundle := func(width int64) error {
		number := (written - 1) / tiles.Width
		path := tilePath(tlog.Tile{H: tiles.Height, L: -1, N: number, W: int(width)})
		err := writeFile(dir, path, bundle)
		bundle = bundle[:0]
		return err
	}
	err = r.Read(ctx, func(_ int64, e verify.Entry) error {
		if len(e.Line) > math.MaxUint16 { // which the widths of the columns do not let in
			return fmt.Errorf("entry %s is too long", e.ID)
		}
		bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(e.Line))), e.Line...)
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
	for _, t := range tlog.NewTiles(tiles.Height, 0, r.Checkpoint.N) {
		data, err := stored.ReadTiles([]tlog.Tile{t})
		if err != nil {
			return written, err
		}
		if err := writeFile(dir, tilePath(t), data[0]); err != nil {
			return written, err
		}
	}
	signed := r.Signed
	switch {
	case cosigned == "":
	case was == r.Checkpoint:
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

// readCosigned returns the newest cosigned checkpoint; "" if there is none that one of the keys has signed.
func readCosigned(ctx context.Context, s *store.Store, keys checkpoint.Verifiers) (c checkpoint.Checkpoint, signed string, err error) {
	n, err := checkpoint.ReadNewest(ctx, s)
	if err != nil || n.Cosigned.Signed == "" {
		return c, "", err
	}
	if c, err = checkpoint.Open([]byte(n.Cosigned.Signed), keys); errors.Is(err, checkpoint.ErrSignature) {
		return c, "", nil
	}
	return c, n.Cosigned.Signed, err
}
