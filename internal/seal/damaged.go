package seal

import (
	"bytes"
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/store"
)

// nameDamaged finds the tiles of leaves that are not what was signed.
func (v *verification) nameDamaged(ctx context.Context) error {
	signed := tlog.TileHashReader(v.now.Tree, &storedTiles{ctx: ctx, store: v.store})
	first := int64(-1) // of the tiles in a row
	for position := int64(0); ; position += tileWidth {
		end := position >= v.now.N
		var err error
		if !end {
			_, err = signed.ReadHashes([]int64{tlog.StoredHashIndex(0, position)})
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && first < 0:
			first = position
		case err == nil && first >= 0:
			v.report.add(Finding{
				Kind: Damaged, Position: first,
				Detail: fmt.Sprintf("the hashes from there to position %d are not those that were signed", min(position, v.now.N)-1),
			})
			first = -1
		}
		if end {
			return nil
		}
	}
}

// compareUpper compares the tiles above those of the leaves, from which the next entries are sealed, with the tree of the leaves.
func (v *verification) compareUpper(ctx context.Context) error {
	for key, data := range v.tree.tiles {
		if key.level > 0 {
			v.upper[key] = data
		}
	}
	for key, data := range v.upper {
		stored, err := readTile(ctx, v.store, key)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(stored, data) {
			v.report.add(Finding{Kind: Damaged, Position: -1, Detail: "tile " + key.id() + " is not what was signed"})
		}
	}
	return nil
}

// nothingSealed returns ErrNotSealed, or checkpoint.ErrTruncated if there are tiles of what was.
func (v *verification) nothingSealed(ctx context.Context) error {
	if _, err := loadTree(ctx, v.store, 0); err != nil {
		return err
	}
	return ErrNotSealed
}

// storedTiles reads tiles for package tlog, each once.
type storedTiles struct {
	ctx   context.Context //nolint:containedctx // tlog's reader takes none
	store *store.Store
	read  map[tileKey][]byte

	failed error // of reading from the database
}

// Height implements tlog.TileReader.
func (*storedTiles) Height() int { return tileHeight }

// ReadTiles implements tlog.TileReader.
func (r *storedTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, t := range tiles {
		key := tileKey{t.L, t.N}
		found, ok := r.read[key]
		if !ok {
			var err error
			if found, err = readTile(r.ctx, r.store, key); err != nil {
				r.failed = err
				return nil, err
			}
			if t.L > 0 {
				if r.read == nil {
					r.read = map[tileKey][]byte{}
				}
				r.read[key] = found
			}
		}
		if len(found) < t.W*tlog.HashSize {
			return nil, errTiles
		}
		data[i] = found[:t.W*tlog.HashSize]
	}
	return data, nil
}

// SaveTiles implements tlog.TileReader.
func (*storedTiles) SaveTiles([]tlog.Tile, [][]byte) {}
