package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
)

// Companions returns the files that stand beside an embedded database while it is open and hold a part of it, the newest
// changes foremost. A file of that name beside another database would be taken for its own.
func Companions(path string) []string { return []string{path + "-wal", path + "-shm"} }

// checkFile fails unless path is a file that is not empty, as a database never is.
func checkFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", path, ErrNoFile)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file", path)
	case info.Size() == 0:
		return fmt.Errorf("%s is empty", path)
	}
	return nil
}

// Snapshot writes the embedded database at from, as one moment saw it, to the file to, which must not exist yet, and
// syncs it. A server may have from open and go on writing: it is only read, and holds up nobody. The new file is for its
// owner alone.
func Snapshot(ctx context.Context, from, to string) error {
	db, err := openFile(from)
	if err != nil {
		return err
	}
	defer db.Close()
	if to, err = filepath.Abs(to); err != nil { // SQLite would take "file:…" for a URI
		return err
	}
	file, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // SQLite would let others read it
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, to)
	if err != nil {
		err = explainDamage(from, err)
	}
	return errors.Join(err, file.Sync(), file.Close())
}

// VerifyFile fails when the embedded database at path is damaged, or a row of it refers to one that is missing.
func VerifyFile(ctx context.Context, path string) error {
	db, err := openFile(path)
	if err != nil {
		return err
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil {
		return explainDamage(path, err)
	}
	if verdict != "ok" {
		return fmt.Errorf("%s is damaged: %s", path, verdict)
	}
	var table, parent string
	err = db.QueryRowContext(ctx, `SELECT "table", parent FROM pragma_foreign_key_check`).Scan(&table, &parent)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return explainDamage(path, err)
	}
	return fmt.Errorf("%s is damaged: a row of %s refers to a missing one of %s", path, table, parent)
}

// openFile opens an embedded database to read it, whether or not a server has it open.
func openFile(path string) (*sql.DB, error) {
	if err := checkFile(path); err != nil {
		return nil, err
	}
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)"}}
	return sql.Open("sqlite", fileURI(path, q))
}

// Checkpoint brings all changes of an embedded database that nobody has open into its one file.
func Checkpoint(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", sqliteDSN(path, "foreign_keys(1)"))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return errors.Join(err, db.Close()) // the last one to close removes the companions
}

// GiveToFolderOwner gives a file that root has made to whom the folder belongs, so that a server of that user can open it.
// Whoever is not root makes files of their own.
func GiveToFolderOwner(path, folder string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return os.Lchown(path, int(owner.Uid), int(owner.Gid))
}
