package seal

import (
	"cmp"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// kept are checkpoints from outside of the database, by size, to be compared with a tree that grows.
type kept struct {
	trees  []tlog.Tree
	next   int // of those that the tree has not come to
	forked *tlog.Tree
}

// openKept returns the checkpoints, each of which one of the keys must have signed.
func openKept(signed [][]byte, keys Verifiers) (kept, error) {
	var k kept
	for i, text := range signed {
		c, err := openCheckpoint(text, keys)
		if err != nil {
			return k, fmt.Errorf("checkpoint %d of %d: %w", i+1, len(signed), err)
		}
		if c.N > 0 {
			k.trees = append(k.trees, c.Tree)
		}
	}
	k.add()
	return k, nil
}

// add adds trees that are not empty.
func (k *kept) add(more ...tlog.Tree) {
	k.trees = append(k.trees, more...)
	slices.SortStableFunc(k.trees, func(a, b tlog.Tree) int { return cmp.Compare(a.N, b.N) })
	k.trees = slices.Compact(k.trees)
}

// fit returns ErrTruncated for the first checkpoint of more entries than are sealed.
func (k *kept) fit(sealed int64) error {
	for _, t := range k.trees {
		if t.N > sealed {
			return fmt.Errorf("%w of %d entries, %s: there are %d", ErrTruncated, t.N, t.Hash, sealed)
		}
	}
	return nil
}

// compare compares those of the tree's size with it.
func (k *kept) compare(t *tree) error {
	if k.next == len(k.trees) || k.trees[k.next].N > t.size {
		return nil
	}
	root, err := t.root()
	for ; k.next < len(k.trees) && k.trees[k.next].N == t.size; k.next++ {
		if k.forked == nil && k.trees[k.next].Hash != root {
			k.forked = &k.trees[k.next]
		}
	}
	return err
}

// continued returns ErrForked for the first checkpoint that was found to be of another tree.
func (k *kept) continued() error {
	if k.forked == nil {
		return nil
	}
	return fmt.Errorf("%w of %d entries, %s", ErrForked, k.forked.N, k.forked.Hash)
}
