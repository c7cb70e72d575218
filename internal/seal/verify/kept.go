package verify

import (
	"context"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/tiles"
	"github.com/paddock-gate/paddock/internal/store"
)

// kept compares checkpoints from outside of the database with the signed tree: any number of them, of which it keeps two at most.
type kept struct {
	tree   tlog.Tree
	stored *tiles.Reader
	signed tlog.HashReader // of stored, which refuses hashes that do not lead to the tree's root

	first int64 // position of the first leaf below nodes
	nodes map[int64]tlog.Hash

	beyond *tlog.Tree // the smallest of more entries than the tree has
	forked *tlog.Tree // the smallest of another tree
	unread error      // of the first that could not be compared, since tiles are damaged
}

// Notes returns the checkpoints, for Options.
func Notes(signed ...string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, text := range signed {
			if !yield([]byte(text), nil) {
				return
			}
		}
	}
}

// newKept returns a comparison with the tree, whose tiles are in the store.
func newKept(ctx context.Context, s *store.Store, t tlog.Tree) kept {
	stored := tiles.NewReader(ctx, s)
	return kept{tree: t, stored: stored, signed: tlog.TileHashReader(t, stored)}
}

// compare compares the checkpoints, each of which one of the keys must have signed, and calls each with every one of them.
func (k *kept) compare(signed iter.Seq2[[]byte, error], keys checkpoint.Verifiers, each func(checkpoint.Checkpoint, []byte)) error {
	n := 0
	for text, err := range signed {
		if err != nil {
			return err
		}
		n++
		c, err := checkpoint.Open(text, keys)
		if err != nil {
			return fmt.Errorf("checkpoint %d: %w", n, err)
		}
		each(c, text)
		if err := k.compareOne(c.Tree); err != nil {
			return err
		}
	}
	return nil
}

// compareOne compares a checkpoint.
func (k *kept) compareOne(t tlog.Tree) error {
	if t.N > k.tree.N {
		k.beyond = smaller(k.beyond, t)
		return nil
	}
	if t.N == 0 {
		return nil
	}
	root, err := k.rootOf(t.N)
	switch {
	case k.stored.Failed != nil:
		return k.stored.Failed
	case err != nil && k.unread == nil:
		k.unread = fmt.Errorf("the checkpoint of %d entries: %w", t.N, err)
	case err == nil && root != t.Hash:
		k.forked = smaller(k.forked, t)
	}
	return nil
}

// smaller returns the tree of fewer entries.
func smaller(a *tlog.Tree, b tlog.Tree) *tlog.Tree {
	if a != nil && a.N <= b.N {
		return a
	}
	return &b
}

// rootOf returns the root of the tree as it was with n entries. Of one tile of leaves it reads all hashes at once, since checkpoints
// mostly come in the order of their sizes.
func (k *kept) rootOf(n int64) (tlog.Hash, error) {
	if first := (n - 1) / tiles.Width * tiles.Width; k.nodes == nil || k.first != first {
		k.nodes, k.first = map[int64]tlog.Hash{}, first
		end := min(first+tiles.Width, k.tree.N)
		var below []int64
		for level := range tiles.Height {
			for i := first >> level; (i+1)<<level <= end; i++ {
				below = append(below, tlog.StoredHashIndex(level, i))
			}
		}
		if _, err := k.readHashes(below); err != nil {
			k.nodes = nil
			return tlog.Hash{}, err
		}
	}
	return tlog.TreeHash(n, tlog.HashReaderFunc(k.readHashes))
}

func (k *kept) readHashes(indexes []int64) ([]tlog.Hash, error) {
	var missing []int64
	for _, index := range indexes {
		if _, ok := k.nodes[index]; !ok {
			missing = append(missing, index)
		}
	}
	if len(missing) > 0 {
		read, err := k.signed.ReadHashes(missing)
		if err != nil {
			return nil, err
		}
		for i, index := range missing {
			k.nodes[index] = read[i]
		}
	}
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = k.nodes[index]
	}
	return hashes, nil
}

// fit returns checkpoint.ErrTruncated if a checkpoint had more entries than are sealed.
func (k *kept) fit() error {
	if k.beyond == nil {
		return nil
	}
	return fmt.Errorf("%w of %d entries, %s: there are %d", checkpoint.ErrTruncated, k.beyond.N, k.beyond.Hash, k.tree.N)
}

// continued returns checkpoint.ErrForked if a checkpoint was of another tree.
func (k *kept) continued() error {
	if k.forked == nil {
		return nil
	}
	return fmt.Errorf("%w of %d entries, %s", checkpoint.ErrForked, k.forked.N, k.forked.Hash)
}
