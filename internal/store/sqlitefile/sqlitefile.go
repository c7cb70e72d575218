// Package sqlitefile looks after the file of the embedded database, which a server may have open: its lock, snapshots of it, and
// whether it is whole.
package sqlitefile

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
	"time"

	"modernc.org/sqlite" // registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrInUse means that another server has the embedded database open.
	ErrInUse = errors.New("the embedded database is in use by another server: stop that first")
	// ErrNoFile means that the file of an embedded database, which should exist, does not.
	ErrNoFile = errors.New("there is no such file")
)

// Companions returns the files that stand beside an embedded database while it is open and hold a part of it, the newest
// changes foremost. A file of that name beside another database would be taken for its own.
func Companions(path string) []string { return []string{path + "-wal", path + "-shm"} }

// Check fails unless path is a file that is not empty, as a database never is.
func Check(path string) error {
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
		err = ExplainDamage(from, err)
	}
	return errors.Join(err, file.Sync(), file.Close())
}

// Verify fails when the embedded database at path is damaged, or a row of it refers to one that is missing.
func Verify(ctx context.Context, path string) error {
	db, err := openFile(path)
	if err != nil {
		return err
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil {
		return ExplainDamage(path, err)
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
		return ExplainDamage(path, err)
	}
	return fmt.Errorf("%s is damaged: a row of %s refers to a missing one of %s", path, table, parent)
}

// openFile opens an embedded database to read it, whether or not a server has it open.
func openFile(path string) (*sql.DB, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)"}}
	return sql.Open("sqlite", fileURI(path, q))
}

// Checkpoint brings all changes of an embedded database that nobody has open into its one file.
func Checkpoint(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", DSN(path, Patient, "foreign_keys(1)"))
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

// ExplainDamage says what to do about a file that SQLite cannot read as a database.
func ExplainDamage(path string, err error) error {
	lite, ok := errors.AsType[*sqlite.Error](err)
	if !ok || lite.Code()&0xff != sqlite3.SQLITE_NOTADB && lite.Code()&0xff != sqlite3.SQLITE_CORRUPT {
		return err
	}
	return fmt.Errorf("%s is damaged, or no database: put a backup in its place, or move it away to begin anew: %w", path, err)
}

// Patient is for how long a statement that a person has started waits for what locks the database.
const Patient = 5 * time.Second

// DSN returns what database/sql opens the database at path by, to write to it, with pragmas beside those that all need. A statement waits
// so long for what locks the database.
func DSN(path string, wait time.Duration, pragmas ...string) string {
	q := url.Values{
		"_pragma": append([]string{
			fmt.Sprintf("busy_timeout(%d)", wait.Milliseconds()), "journal_mode(WAL)", "synchronous(FULL)", "temp_store(MEMORY)",
			"recursive_triggers(1)",
		}, pragmas...),
		"_txlock":      {"immediate"},
		"_time_format": {"sqlite"},
		"_timezone":    {"UTC"},
	}
	return fileURI(path, q)
}

// fileURI returns the URI by which SQLite opens the file. Two slashes at its beginning would name a host.
func fileURI(path string, q url.Values) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.Clean(path)}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// Lock takes the lock that a server holds on the embedded database at path, creating the database's folder (mode 0700)
// when absent. It ends with the process, so that a killed server leaves none behind.
func Lock(path string) (release func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("its folder cannot be made, see DATA_DIR: %w", err)
	}
	path += ".lock"
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		err = GiveToFolderOwner(path, filepath.Dir(path))
	} else if errors.Is(err, fs.ErrExist) {
		f, err = os.OpenFile(path, os.O_RDWR, 0o600)
	}
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w (%s)", ErrInUse, path)
		}
		return nil, err
	}
	return func() { f.Close() }, nil
}
