package tiles

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/store"
)

// Load returns the tree of the size, without checking anything but that all of it is there.
func Load(ctx context.Context, s *store.Store, size int64) (*Tree, error) {
	t := New()
	t.Size = size
	if size == 0 {
		// A head that is lost must not begin a second tree. In one statement: the first entries may be sealed meanwhile.
		const lost = `SELECT 1 FROM seal_tiles WHERE NOT EXISTS (SELECT 1 FROM seals WHERE id = 'audit' AND size > 0) LIMIT 1`
		return t, s.Read(ctx, lost, nil, func(store.Row) error {
			return fmt.Errorf("%w: there are tiles, but the size is lost", checkpoint.ErrTruncated)
		})
	}
	for key, n := range edge(size) {
		data, err := Read(ctx, s, key)
		if err != nil {
			return nil, err
		}
		if len(data) < n*key.unit() {
			return nil, fmt.Errorf("%w: %s", ErrMissing, key.ID())
		}
		t.Tiles[key] = slices.Clip(data[:n*key.unit()])
	}
	return t, nil
}

// Read returns the tile's data; nil if there is none.
func Read(ctx context.Context, s *store.Store, key Key) (data []byte, err error) {
	err = s.Read(ctx, `SELECT data FROM seal_tiles WHERE id = $1`, []any{key.ID()}, func(row store.Row) error {
		return row.Scan(&data)
	})
	return data, err
}

// ReadIDs returns the ids of the entries of a tile of leaves.
func ReadIDs(ctx context.Context, s *store.Store, number int64) ([]uuid.UUID, error) {
	data, err := Read(ctx, s, Key{idLevel, number})
	ids := make([]uuid.UUID, len(data)/len(uuid.UUID{}))
	for n := range ids {
		ids[n] = idAt(data, n)
	}
	return ids, err
}
