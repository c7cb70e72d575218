package archive

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/google/uuid"
)

// longestLine is more than an entry's encoding can have.
const longestLine = 1 << 16

// File reads the entries of an archive.
type File struct {
	file  *os.File
	lines *bufio.Reader
	sum   hash.Hash // of what was read
}

// Open opens the file of an archive.
func Open(name string) (*File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	f := &File{file: file, sum: sha256.New()}
	f.lines = bufio.NewReaderSize(io.TeeReader(file, f.sum), longestLine)
	return f, nil
}

// FirstID returns the id of the first entry, without reading on; the zero one if there is none.
func (f *File) FirstID() uuid.UUID {
	start, _ := f.lines.Peek(longestLine)
	line, _, _ := bytes.Cut(start, []byte{'\n'})
	var e struct{ ID uuid.UUID }
	if json.Unmarshal(line, &e) != nil {
		return uuid.Nil
	}
	return e.ID
}

// Next returns the next line without its break; ok is false at the end, and for a line that is not whole.
func (f *File) Next() (line []byte, ok bool, err error) {
	line, err = f.lines.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, bufio.ErrBufferFull):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	return line[:len(line)-1], true, nil
}

// Sum reads the rest and returns the SHA-256 of the file.
func (f *File) Sum() (sum [sha256.Size]byte, err error) {
	_, err = io.Copy(io.Discard, f.lines)
	return [sha256.Size]byte(f.sum.Sum(nil)), err
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }
