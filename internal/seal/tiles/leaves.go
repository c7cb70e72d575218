package tiles

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/store"
)

// pageTiles is how many tiles one query reads.
const pageTiles = 32

// Leaf is an entry as it was sealed.
type Leaf struct {
	Position int64
	ID       uuid.UUID
	Hash     tlog.Hash
}

// ReadLeaves hands the leaves at the positions below size to use.
func ReadLeaves(ctx context.Context, s *store.Store, size int64, use func(Leaf) error) error {
	for first := int64(0); first*Width < size; first += pageTiles {
		ids, err := readTiles(ctx, s, idLevel, first, pageTiles)
		if err != nil {
			return err
		}
		hashes, err := readTiles(ctx, s, 0, first, pageTiles)
		if err != nil {
			return err
		}
		for position := first * Width; position < min(size, (first+pageTiles)*Width); position++ {
			number, n := position/Width, int(position%Width)
			of, hash := ids[number], hashes[number]
			if len(of) < (n+1)*len(uuid.UUID{}) || len(hash) < (n+1)*tlog.HashSize {
				return fmt.Errorf("%w: that of position %d", ErrMissing, position)
			}
			if err := use(Leaf{position, idAt(of, n), hashAt(hash, n)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// readTiles returns the data of the tiles of a level by number, of so many from the first.
func readTiles(ctx context.Context, s *store.Store, level int, first, count int64) (map[int64][]byte, error) {
	tiles := make(map[int64][]byte, count)
	from, to := Key{level, first}.ID(), Key{level, first + count}.ID()
	err := s.Read(store.Slow(ctx), `SELECT id, data FROM seal_tiles WHERE id >= $1 AND id < $2`, []any{from, to}, func(row store.Row) error {
		var (
			id     string
			data   []byte
			number int64
		)
		if err := row.Scan(&id, &data); err != nil {
			return err
		}
		if _, err := fmt.Sscanf(id[strings.IndexByte(id, '/')+1:], "%d", &number); err != nil {
			return err
		}
		tiles[number] = data
		return nil
	})
	return tiles, err
}
