package seal

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/store"
)

// load returns the tree to append to. It fails unless a known key has signed just that, as a continuation of what this process had seen
// last before it read the head: a tree that somebody has changed is not signed.
func (s *Sealer) load(ctx context.Context, h checkpoint.Head, last tlog.Tree) (*tree, error) {
	if h.Size < last.N {
		return nil, fmt.Errorf("%w: it has %d entries, and had %d", checkpoint.ErrTruncated, h.Size, last.N)
	}
	t, err := loadTree(ctx, s.store, h.Size)
	if err != nil || h.Size == 0 {
		return t, err
	}
	said, err := checkpoint.Open([]byte(h.Signed), s.key.Verifiers())
	if err != nil {
		return nil, err
	}
	root, err := t.root()
	if err != nil {
		return nil, err
	}
	if said.N != h.Size || said.Hash != root {
		return nil, fmt.Errorf("%w: %d entries are not those of the checkpoint of %d", errChanged, h.Size, said.N)
	}
	if err := s.continues(ctx, said.Tree, last); err != nil {
		return nil, err
	}
	s.see(said.Tree, h.Signed)
	return t, nil
}

// continues returns an error unless the tree begins with what this process has seen last.
func (s *Sealer) continues(ctx context.Context, now, last tlog.Tree) error {
	if last.N == 0 || now == last {
		return nil
	}
	tiles := &storedTiles{ctx: ctx, store: s.store}
	root, err := tlog.TreeHash(last.N, tlog.TileHashReader(now, tiles))
	switch {
	case tiles.failed != nil:
		return tiles.failed
	case err != nil:
		return fmt.Errorf("%w: %w", errChanged, err)
	case root != last.Hash:
		return fmt.Errorf("%w of %d entries", checkpoint.ErrForked, last.N)
	}
	return nil
}

// lastSeen returns the largest tree that this process has seen sealed, and its checkpoint.
func (s *Sealer) lastSeen() (tlog.Tree, string) {
	s.seen.Lock()
	defer s.seen.Unlock()
	return s.last, s.lastSigned
}

// see keeps a tree, which must be a continuation of the one before, as what was seen sealed.
func (s *Sealer) see(t tlog.Tree, signed string) {
	s.seen.Lock()
	defer s.seen.Unlock()
	if t.N >= s.last.N {
		s.last, s.lastSigned = t, signed
	}
}

// loadTree returns the tree of the size, without checking anything but that all of it is there.
func loadTree(ctx context.Context, s *store.Store, size int64) (*tree, error) {
	t := newTree()
	t.size = size
	if size == 0 {
		// A head that is lost must not begin a second tree. In one statement: the first entries may be sealed meanwhile.
		const lost = `SELECT 1 FROM seal_tiles WHERE NOT EXISTS (SELECT 1 FROM seals WHERE id = 'audit' AND size > 0) LIMIT 1`
		return t, s.Read(ctx, lost, nil, func(*sql.Rows) error {
			return fmt.Errorf("%w: there are tiles, but the size is lost", checkpoint.ErrTruncated)
		})
	}
	for key, n := range edge(size) {
		data, err := readTile(ctx, s, key)
		if err != nil {
			return nil, err
		}
		if len(data) < n*key.unit() {
			return nil, fmt.Errorf("%w: %s", errTiles, key.id())
		}
		t.tiles[key] = slices.Clip(data[:n*key.unit()])
	}
	return t, nil
}

// readTile returns the tile's data; nil if there is none.
func readTile(ctx context.Context, s *store.Store, key tileKey) (data []byte, err error) {
	err = s.Read(ctx, `SELECT data FROM seal_tiles WHERE id = $1`, []any{key.id()}, func(rows *sql.Rows) error {
		return rows.Scan(&data)
	})
	return data, err
}
