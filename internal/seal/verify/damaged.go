package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/seal/tiles"
)

// nameDamaged finds the tiles of leaves that are not what was signed.
func (v *verification) nameDamaged(ctx context.Context) error {
	signed := tlog.TileHashReader(v.now.Tree, tiles.NewReader(ctx, v.store))
	first := int64(-1) // of the tiles in a row
	for position := int64(0); ; position += tiles.Width {
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
	for key, data := range v.tree.Tiles {
		if key.Level > 0 {
			v.upper[key] = data
		}
	}
	for key, data := range v.upper {
		stored, err := tiles.Read(ctx, v.store, key)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(stored, data) {
			v.report.add(Finding{Kind: Damaged, Position: -1, Detail: "tile " + key.ID() + " is not what was signed"})
		}
	}
	return nil
}

// ErrNotSealed means that no entry has been sealed yet.
var ErrNotSealed = errors.New("no entry of the audit trail is sealed")

// nothingSealed returns ErrNotSealed, or checkpoint.ErrTruncated if there are tiles of what was.
func (v *verification) nothingSealed(ctx context.Context) error {
	if _, err := tiles.Load(ctx, v.store, 0); err != nil {
		return err
	}
	return ErrNotSealed
}
