// Package backup makes backups of the embedded database and puts them back. PostgreSQL has tools of its own: Dump and Load
// say how to call them.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/paddock-gate/paddock/internal/store/sqlitefile"
)

// database is a database's name in the folder where it is made ready.
const database = "paddock.db"

// Create writes the embedded database at from, as one moment saw it, to the new file to: whole, checked, on disk, and for
// its owner alone, or not at all. A server may have from open and go on writing.
func Create(ctx context.Context, from, to string) error {
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("back up: %w", exists(to, err))
	}
	if err := create(ctx, from, to); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return nil
}

func create(ctx context.Context, from, to string) error {
	// In the folder where the backup goes, so that it appears there at once and whole.
	dir, err := os.MkdirTemp(filepath.Dir(to), ".paddock-backup-*") // mode 0700
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	made := filepath.Join(dir, database)
	if err := sqlitefile.Snapshot(ctx, from, made); err != nil {
		return err
	}
	if err := sqlitefile.Verify(ctx, made); err != nil {
		return err
	}
	if err := moveNew(made, to); err != nil {
		return err
	}
	return syncFolder(to)
}

// moveNew moves a file without ever replacing another, for which a link is the only way that everybody knows.
func moveNew(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	// Some file systems, as on many a USB stick, know no links.
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return exists(to, err)
	}
	return os.Rename(from, to)
}

// exists returns err, or that the file exists when there is none.
func exists(path string, err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%s exists, and no backup is ever overwritten", path)
}

// syncFolder makes the names in a file's folder survive a power cut.
func syncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
