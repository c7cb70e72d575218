package seal

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/tiles"
)

// load returns the tree to append to. It fails unless a known key has signed just that, as a continuation of what this process had seen
// last before it read the head: a tree that somebody has changed is not signed.
func (s *Sealer) load(ctx context.Context, h checkpoint.Head, last tlog.Tree) (*tiles.Tree, error) {
	if h.Size < last.N {
		return nil, fmt.Errorf("%w: it has %d entries, and had %d", checkpoint.ErrTruncated, h.Size, last.N)
	}
	t, err := tiles.Load(ctx, s.store, h.Size)
	if err != nil || h.Size == 0 {
		return t, err
	}
	said, err := checkpoint.Open([]byte(h.Signed), s.key.Verifiers())
	if err != nil {
		return nil, err
	}
	root, err := t.Root()
	if err != nil {
		return nil, err
	}
	if said.N != h.Size || said.Hash != root {
		return nil, fmt.Errorf("%w: %d entries are not those of the checkpoint of %d", tiles.ErrChanged, h.Size, said.N)
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
	root, err := tiles.RootOf(ctx, s.store, now, last.N)
	if err != nil {
		return err
	}
	if root != last.Hash {
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
