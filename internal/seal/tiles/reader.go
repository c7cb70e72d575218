package tiles

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/store"
)

// Reader reads tiles for package tlog, each once.
type Reader struct {
	ctx   context.Context //nolint:containedctx // tlog's reader takes none
	store *store.Store
	read  map[Key][]byte

	Failed error // of reading from the database
}

// NewReader returns a reader of the store's tiles.
func NewReader(ctx context.Context, s *store.Store) *Reader { return &Reader{ctx: ctx, store: s} }

// Height implements tlog.TileReader.
func (*Reader) Height() int { return Height }

// ReadTiles implements tlog.TileReader.
func (r *Reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, t := range tiles {
		key := Key{t.L, t.N}
		found, ok := r.read[key]
		if !ok {
			var err error
			if found, err = Read(r.ctx, r.store, key); err != nil {
				r.Failed = err
				return nil, err
			}
			if t.L > 0 {
				if r.read == nil {
					r.read = map[Key][]byte{}
				}
				r.read[key] = found
			}
		}
		if len(found) < t.W*tlog.HashSize {
			return nil, ErrMissing
		}
		data[i] = found[:t.W*tlog.HashSize]
	}
	return data, nil
}

// SaveTiles implements tlog.TileReader.
func (*Reader) SaveTiles([]tlog.Tile, [][]byte) {}

// RootOf returns the root of the tree as it was with n entries. What goes into it is compared with the tree's root.
func RootOf(ctx context.Context, s *store.Store, now tlog.Tree, n int64) (tlog.Hash, error) {
	r := NewReader(ctx, s)
	root, err := tlog.TreeHash(n, tlog.TileHashReader(now, r))
	return root, r.fault(err)
}

// Prove returns the proof that a tree continues that of the old size. What goes into it is compared with the tree's root.
func Prove(ctx context.Context, s *store.Store, now tlog.Tree, old int64) (tlog.TreeProof, error) {
	if old == 0 {
		return nil, nil
	}
	r := NewReader(ctx, s)
	proof, err := tlog.ProveTree(now.N, old, tlog.TileHashReader(now, r))
	return proof, r.fault(err)
}

// fault returns the error of reading from the database, or else ErrChanged with that of comparing, if there is one.
func (r *Reader) fault(err error) error {
	if r.Failed != nil || err == nil {
		return r.Failed
	}
	return fmt.Errorf("%w: %w", ErrChanged, err)
}
