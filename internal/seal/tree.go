package seal

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	// idLevel is the level of the tiles with the ids of the entries.
	idLevel = -1
)

// errTiles is what reading tiles fails with that are missing or too short.
var errTiles = errors.New("tiles of the seal are missing or too short")

// tileKey says which tile.
type tileKey struct {
	level  int
	number int64
}

// id returns the id of the tile's row. Rows of a level sort by number.
func (k tileKey) id() string {
	if k.level == idLevel {
		return fmt.Sprintf("e/%012d", k.number)
	}
	return fmt.Sprintf("%d/%012d", k.level, k.number)
}

// unit returns the number of bytes of one element.
func (k tileKey) unit() int {
	if k.level == idLevel {
		return len(uuid.UUID{})
	}
	return tlog.HashSize
}

// tree is a Merkle tree, of which it keeps the last tile of each level: enough to append to it, and for its root.
type tree struct {
	size  int64
	tiles map[tileKey][]byte
	// full is called with each tile that is full; it may keep the data. It may be nil.
	full func(tileKey, []byte)
}

func newTree() *tree { return &tree{tiles: map[tileKey][]byte{}} }

// edge returns the keys of the tiles that a tree of the size keeps, and how many elements each has.
func edge(size int64) map[tileKey]int {
	keys := map[tileKey]int{}
	if n := size % tileWidth; n > 0 {
		keys[tileKey{idLevel, size / tileWidth}] = int(n)
	}
	for level, n := 0, size; n > 0; level, n = level+1, n/tileWidth {
		if n%tileWidth > 0 {
			keys[tileKey{level, n / tileWidth}] = int(n % tileWidth)
		}
	}
	return keys
}

// append appends an entry.
func (t *tree) append(id uuid.UUID, leaf tlog.Hash) {
	t.add(tileKey{idLevel, t.size / tileWidth}, t.size, id[:])
	t.add(tileKey{0, t.size / tileWidth}, t.size, leaf[:])
	t.size++
}

// add adds the nth element of the key's level.
func (t *tree) add(key tileKey, n int64, element []byte) {
	data := append(t.tiles[key], element...)
	t.tiles[key] = data
	if n%tileWidth < tileWidth-1 {
		return
	}
	delete(t.tiles, key)
	if t.full != nil {
		t.full(key, data)
	}
	if key.level != idLevel {
		root := tileRoot(data)
		t.add(tileKey{key.level + 1, key.number / tileWidth}, key.number, root[:])
	}
}

// tileRoot returns the root of a full tile.
func tileRoot(data []byte) tlog.Hash {
	var level [tileWidth]tlog.Hash
	for i := range level {
		level[i] = hashAt(data, i)
	}
	for n := tileWidth / 2; n > 0; n /= 2 {
		for i := range n {
			level[i] = tlog.NodeHash(level[2*i], level[2*i+1])
		}
	}
	return level[0]
}

// hashAt returns the nth hash of a tile.
func hashAt(data []byte, n int) tlog.Hash { return tlog.Hash(data[n*tlog.HashSize:][:tlog.HashSize]) }

// idAt returns the nth id of a tile.
func idAt(data []byte, n int) uuid.UUID {
	return uuid.UUID(data[n*len(uuid.UUID{}):][:len(uuid.UUID{})])
}

func (t *tree) root() (tlog.Hash, error) {
	return tlog.TreeHash(t.size, tlog.HashReaderFunc(t.readHashes))
}

func (t *tree) readHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		tile := tlog.TileForIndex(tileHeight, index)
		data := t.tiles[tileKey{tile.L, tile.N}]
		if len(data) < tile.W*tlog.HashSize {
			return nil, errTiles
		}
		hash, err := tlog.HashFromTile(tile, data[:tile.W*tlog.HashSize], index)
		if err != nil {
			return nil, err
		}
		hashes[i] = hash
	}
	return hashes, nil
}
