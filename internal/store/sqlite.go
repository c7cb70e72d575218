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
	"slices"
	"syscall"

	"entgo.io/ent/dialect"
	"modernc.org/sqlite" // registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrInUse means that another server has the embedded database open.
	ErrInUse = errors.New("the embedded database is in use by another server: stop that first")
	// ErrNoFile means that the file of an embedded database, which should exist, does not.
	ErrNoFile = errors.New("there is no such file")
)

// openSQLite opens the file at path, creating it (mode 0600) and its directory (mode 0700) when absent.
//
// WAL with synchronous=FULL: a commit that was acknowledged survives a power cut. Transactions begin IMMEDIATE, because
// one that reads first and then writes would lose to SQLITE_BUSY whatever the busy timeout. Times are written as UTC text
// that sorts.
func (s *Store) openSQLite(ctx context.Context, path string, options []Option) error {
	if len(options) > 0 {
		if err := checkFile(path); err != nil {
			return err
		}
	}
	release := func() {}
	var err error
	if !slices.Contains(options, Beside) {
		if release, err = LockFile(path); err != nil {
			return err
		}
	}
	// SQLite would make the file for everybody to read; what it puts beside a file takes that file's mode. And it would
	// open one that it cannot write, and fail with the first change.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = file.Close()
	} else {
		err = fmt.Errorf("its file must be writable: %w", err)
	}
	if err == nil {
		s.sql, err = sql.Open("sqlite", sqliteDSN(path, "foreign_keys(1)"))
	}
	if err == nil {
		s.sql.SetMaxOpenConns(8)
		s.sql.SetMaxIdleConns(8)
		err = s.sql.PingContext(ctx)
	}
	if err != nil {
		release()
		return explainDamage(path, err)
	}
	s.dialect, s.path, s.release = dialect.SQLite, path, release
	return nil
}

// explainDamage says what to do about a file that SQLite cannot read as a database.
func explainDamage(path string, err error) error {
	lite, ok := errors.AsType[*sqlite.Error](err)
	if !ok || lite.Code()&0xff != sqlite3.SQLITE_NOTADB && lite.Code()&0xff != sqlite3.SQLITE_CORRUPT {
		return err
	}
	return fmt.Errorf("%s is damaged, or no database: put a backup in its place, or move it away to begin anew: %w", path, err)
}

func sqliteDSN(path, foreignKeys string) string {
	q := url.Values{
		"_pragma":      {foreignKeys, "busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "temp_store(MEMORY)", "recursive_triggers(1)"},
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

// LockFile takes the lock that a server holds on the embedded database at path, creating the database's folder (mode 0700)
// when absent. It ends with the process, so that a killed server leaves none behind.
func LockFile(path string) (release func(), err error) {
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
