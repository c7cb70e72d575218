package verify

import (
	"fmt"

	"github.com/paddock-gate/paddock/internal/seal/archive"
	"github.com/paddock-gate/paddock/internal/seal/leaf"
	"github.com/paddock-gate/paddock/internal/seal/tiles"
)

// archiveFile is the file of an archive, which is compared.
type archiveFile struct {
	*archive.File
	name  string
	of    archive.Record // which it should be
	ended bool           // there is no more to compare
	told  bool           // a finding is about it
}

// compare returns the file's next line if it is what was sealed as the leaf, until the next call; nil if the file does not go so far. If
// it has another line there, or ends before, compare returns a finding.
func (f *archiveFile) compare(l tiles.Leaf) (line []byte, fault *Finding, err error) {
	if f.ended || l.Position < f.of.First || l.Position >= f.of.Tree.N {
		return nil, nil, nil
	}
	line, ok, err := f.Next()
	switch {
	case err != nil:
		return nil, nil, err
	case !ok:
		f.ended, f.told = true, true
		return nil, &Finding{Damaged, l.Position, l.ID, "archive " + f.name + " ends before it"}, nil
	case leaf.Hash(line) != l.Hash:
		f.told = true
		return nil, &Finding{Changed, l.Position, l.ID, "in archive " + f.name}, nil
	}
	return line, nil, nil
}

// finish returns a finding if the file is not what was archived and no other says so.
func (f *archiveFile) finish() (*Finding, error) {
	if f.told {
		return nil, nil //nolint:nilnil // one is enough
	}
	sum, err := f.Sum()
	if err != nil {
		return nil, err
	}
	if sum != f.of.File {
		return &Finding{Kind: Damaged, Position: -1, Detail: fmt.Sprintf("archive %s is not what was archived: its SHA-256 is %x and was %x", f.name, sum, f.of.File)}, nil
	}
	return nil, nil //nolint:nilnil // none
}
