package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/store"
)

func TestOpen_DamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paddock.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(t.Context(), "sqlite://"+path)
	if err == nil || !strings.Contains(err.Error(), path+" is damaged") || !strings.Contains(err.Error(), "put a backup in its place") {
		t.Errorf("got %v", err)
	}
}

// TestOpen_FourSlashes covers "sqlite:///$PWD/paddock.db": the second slash of the path is one too many, and harmless.
func TestOpen_FourSlashes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paddock.db")
	s, err := store.Open(t.Context(), "sqlite:///"+path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestOpen_CannotCreateDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), "sqlite://"+file+"/data/paddock.db"); err == nil || !strings.Contains(err.Error(), "DATA_DIR") {
		t.Errorf("got %v", err)
	}
}
