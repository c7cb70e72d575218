package sealtest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// CheckTiles fails the test unless the folder has n entries as C2SP tlog-tiles lays them out, below a checkpoint of the public key.
func CheckTiles(t *testing.T, dir, public string, n int) {
	t.Helper()
	read := func(path string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Open(read("checkpoint"), note.VerifierList(v))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(signed.Text, "\n")
	root, err := tlog.ParseHash(lines[2])
	if err != nil || lines[0] != "example.com/paddock" || lines[1] != fmt.Sprint(n) {
		t.Fatalf("checkpoint %q, %v", signed.Text, err)
	}
	reader := tlog.TileHashReader(tlog.Tree{N: int64(n), Hash: root}, tileFolder(read))
	var bundle []byte
	for i := range n {
		if i%256 == 0 {
			path := fmt.Sprintf("tile/entries/%03d", i/256)
			if left := n - i; left < 256 {
				path += fmt.Sprintf(".p/%d", left)
			}
			bundle = read(path)
		}
		width := int(binary.BigEndian.Uint16(bundle))
		leaf := sha256.Sum256(append([]byte{0}, bundle[2:2+width]...))
		bundle = bundle[2+width:]
		hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(i))})
		if err != nil || hashes[0] != tlog.Hash(leaf) {
			t.Fatalf("entry %d is not what the tree has (%v)", i, err)
		}
	}
}

// tileFolder is a tlog.TileReader of the layout of C2SP tlog-tiles.
type tileFolder func(path string) []byte

// Height implements tlog.TileReader.
func (tileFolder) Height() int { return 8 }

// SaveTiles implements tlog.TileReader.
func (tileFolder) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles implements tlog.TileReader.
func (f tileFolder) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, t := range tiles {
		path := fmt.Sprintf("tile/%d/%03d", t.L, t.N)
		if t.W < 256 {
			path += fmt.Sprintf(".p/%d", t.W)
		}
		data = append(data, f(path))
	}
	return data, nil
}
