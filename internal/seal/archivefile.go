package seal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/google/uuid"

	"github.com/paddock-gate/paddock/internal/seal/leaf"
	"github.com/paddock-gate/paddock/internal/seal/tiles"
)

// longestLine is more than an entry's encoding can have.
const longestLine = 1 << 16

// archiveFile reads the entries of an archive.
type archiveFile struct {
	name  string
	file  *os.File
	lines *bufio.Reader
	sum   hash.Hash // of what was read
	of    archive   // which it should be
	ended bool      // there is no more to compare
	told  bool      // a finding is about it
}

func openArchiveFile(name string) (*archiveFile, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	f := &archiveFile{name: name, file: file, sum: sha256.New()}
	f.lines = bufio.NewReaderSize(io.TeeReader(file, f.sum), longestLine)
	return f, nil
}

// firstID returns the id of the first entry, without reading on; the zero one if there is none.
func (f *archiveFile) firstID() uuid.UUID {
	start, _ := f.lines.Peek(longestLine)
	line, _, _ := bytes.Cut(start, []byte{'\n'})
	var e struct{ ID uuid.UUID }
	if json.Unmarshal(line, &e) != nil {
		return uuid.Nil
	}
	return e.ID
}

// next returns the next line without its break; ok is false at the end, and for a line that is not whole.
func (f *archiveFile) next() (line []byte, ok bool, err error) {
	line, err = f.lines.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, bufio.ErrBufferFull):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	return line[:len(line)-1], true, nil
}

// compare returns the file's next line if it is what was sealed as the leaf, until the next call; nil if the file does not go so far. If
// it has another line there, or ends before, compare returns a finding.
func (f *archiveFile) compare(l tiles.Leaf) (line []byte, fault *Finding, err error) {
	if f.ended || l.Position < f.of.first || l.Position >= f.of.tree.N {
		return nil, nil, nil
	}
	line, ok, err := f.next()
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
	if _, err := io.Copy(io.Discard, f.lines); err != nil {
		return nil, err
	}
	if [sha256.Size]byte(f.sum.Sum(nil)) != f.of.file {
		return &Finding{Kind: Damaged, Position: -1, Detail: fmt.Sprintf("archive %s is not what was archived: its SHA-256 is %x and was %x", f.name, f.sum.Sum(nil), f.of.file)}, nil
	}
	return nil, nil //nolint:nilnil // none
}
