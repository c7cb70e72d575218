// Package tiles keeps the Merkle tree of the audit trail in the database, in tiles as C2SP tlog-tiles has them, and beside those of the
// leaves the ids of their entries.
package tiles

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	// Height is that of a tile.
	Height = 8
	// Width is how many elements a full tile has.
	Width = 1 << Height
	// idLevel is the level of the tiles with the ids of the entries.
	idLevel = -1
)

var (
	// ErrMissing is what reading tiles fails with that are missing or too short.
	ErrMissing = errors.New("tiles of the seal are missing or too short")
	// ErrChanged means that the seal is not what was signed.
	ErrChanged = errors.New("the seal of the audit trail has been changed")
)

// Key says which tile.
type Key struct {
	Level  int
	Number int64
}

// ID returns the id of the tile's row. Rows of a level sort by number.
func (k Key) ID() string {
	if k.Level == idLevel {
		return fmt.Sprintf("e/%012d", k.Number)
	}
	return fmt.Sprintf("%d/%012d", k.Level, k.Number)
}

// unit returns the number of bytes of one element.
func (k Key) unit() int {
	if k.Level == idLevel {
		return len(uuid.UUID{})
	}
	return tlog.HashSize
}

// Tree is a Merkle tree, of which it keeps the last tile of each level: enough to append to it, and for its root.
type Tree struct {
	Size  int64
	Tiles map[Key][]byte
	// Full is called with each tile that is full; it may keep the data. It may be nil.
	Full func(Key, []byte)
}

// New returns an empty tree.
func New() *Tree { return &Tree{Tiles: map[Key][]byte{}} }

// edge returns the keys of the tiles that a tree of the size keeps, and how many elements each has.
func edge(size int64) map[Key]int {
	keys := map[Key]int{}
	if n := size % Width; n > 0 {
		keys[Key{idLevel, size / Width}] = int(n)
	}
	for level, n := 0, size; n > 0; level, n = level+1, n/Width {
		if n%Width > 0 {
			keys[Key{level, n / Width}] = int(n % Width)
		}
	}
	return keys
}

// Append appends an entry.
func (t *Tree) Append(id uuid.UUID, leaf tlog.Hash) {
	t.add(Key{idLevel, t.Size / Width}, t.Size, id[:])
	t.add(Key{0, t.Size / Width}, t.Size, leaf[:])
	t.Size++
}

// add adds the nth element of the key's level.
func (t *Tree) add(key Key, n int64, element []byte) {
	data := append(t.Tiles[key], element...)
	t.Tiles[key] = data
	if n%Width < Width-1 {
		return
	}
	delete(t.Tiles, key)
	if t.Full != nil {
		t.Full(key, data)
	}
	if key.Level != idLevel {
		root := tileRoot(data)
		t.add(Key{key.Level + 1, key.Number / Width}, key.Number, root[:])
	}
}

// tileRoot returns the root of a full tile.
func tileRoot(data []byte) tlog.Hash {
	var level [Width]tlog.Hash
	for i := range level {
		level[i] = hashAt(data, i)
	}
	for n := Width / 2; n > 0; n /= 2 {
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

// Root returns the root.
func (t *Tree) Root() (tlog.Hash, error) {
	return tlog.TreeHash(t.Size, tlog.HashReaderFunc(t.readHashes))
}

func (t *Tree) readHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		tile := tlog.TileForIndex(Height, index)
		data := t.Tiles[Key{tile.L, tile.N}]
		if len(data) < tile.W*tlog.HashSize {
			return nil, ErrMissing
		}
		hash, err := tlog.HashFromTile(tile, data[:tile.W*tlog.HashSize], index)
		if err != nil {
			return nil, err
		}
		hashes[i] = hash
	}
	return hashes, nil
}
