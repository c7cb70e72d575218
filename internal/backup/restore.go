package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/ent/db/auditentry"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/sqlitefile"
)

// folderPrefix begins the name of the folder in which a backup is made ready.
const folderPrefix = ".paddock-restore-"

// ErrNotEmpty means that there is a database where the backup goes.
var ErrNotEmpty = errors.New("there is a database already")

// Options says how Restore restores.
type Options struct {
	Replace  bool   // set a database that is there already aside
	Operator string // who does it, for the audit trail
}

// Restored is what Restore has done.
type Restored struct {
	Kept     string    // where the database that was there is now; "" when there was none
	Migrated []string  // file names of the migrations that the backup lacked
	Users    int       // how many users it has
	Until    time.Time // when its newest audit entry was written; zero when it has none
}

// Restore puts the backup file in the place of the embedded database at path, which no server may have open. The backup is
// checked, brought to this program's schema and noted in its own audit trail before the database that is there is touched;
// then the two change places in one step. The file itself is left as it is.
func Restore(ctx context.Context, file, path string, o Options) (Restored, error) {
	r, err := restore(ctx, file, path, o)
	if err != nil {
		return r, fmt.Errorf("restore: %w", err)
	}
	return r, nil
}

func restore(ctx context.Context, file, path string, o Options) (r Restored, err error) {
	if err := sqlitefile.Verify(ctx, file); err != nil { // before path's folder is made
		return r, err
	}
	release, err := sqlitefile.Lock(path)
	if err != nil {
		return r, err
	}
	defer release()
	old, err := isDatabase(path)
	if err != nil {
		return r, err
	}
	if old && !o.Replace {
		return r, fmt.Errorf("%s: %w", path, ErrNotEmpty)
	}
	if err := removeStale(path); err != nil {
		return r, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), folderPrefix+"*") // mode 0700
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	made := filepath.Join(dir, database)
	if err := sqlitefile.Snapshot(ctx, file, made); err != nil {
		return r, err
	}
	if r, err = prepare(ctx, made, o.Operator); err != nil {
		return r, err
	}
	if _, err := os.Stat(sqlitefile.Companions(made)[0]); !errors.Is(err, fs.ErrNotExist) {
		return r, errors.Join(errors.New("some of it could not be brought into one file"), err)
	}
	if err := sqlitefile.GiveToFolderOwner(made, filepath.Dir(path)); err != nil {
		return r, err
	}
	kept := path + ".before-restore-" + time.Now().UTC().Format("20060102T150405.000Z")
	if old {
		if err := keep(ctx, path, kept); err != nil {
			return r, err
		}
		r.Kept = kept
	}
	if err := moveCompanions(path, kept); err != nil {
		return r, err
	}
	if err := os.Rename(made, path); err != nil {
		return r, err
	}
	return r, syncFolder(path)
}

// removeStale removes what killed restores have left. The lock must be held.
func removeStale(path string) error {
	stale, err := filepath.Glob(filepath.Join(filepath.Dir(path), folderPrefix+"*"))
	for _, dir := range stale {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

// isDatabase reports whether the file is there and not empty.
func isDatabase(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.Size() > 0, err
}

// prepare makes the copy of a backup at path the database that a server of this program can start with.
func prepare(ctx context.Context, path, operator string) (r Restored, err error) {
	s, err := store.Open(ctx, "sqlite://"+path)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	status, err := migrate.Compare(ctx, s)
	if err != nil {
		return r, err
	}
	if status.Current == "" {
		return r, errors.New("it is a database, but has no table of Paddock's")
	}
	if r.Migrated, err = migrate.Up(ctx, s); err != nil {
		return r, err
	}
	if r.Users, err = s.User.Query().Count(ctx); err != nil {
		return r, err
	}
	newest, err := s.AuditEntry.Query().Order(db.Desc(auditentry.FieldOccurredAt)).First(ctx)
	if err != nil && !db.IsNotFound(err) {
		return r, err
	}
	detail := "a backup without entries"
	if newest != nil {
		r.Until = newest.OccurredAt
		detail = "a backup whose newest entry is of " + r.Until.Format(time.RFC3339)
	}
	err = audit.Open(s).Record(ctx, audit.Event{
		Type: audit.Bootstrap, Detail: "database restored from " + detail + ", by " + operator + " on the command line",
	})
	return r, err
}

// keep gives the database at path a second name, under which it stays, after bringing its last changes into its file.
func keep(ctx context.Context, path, kept string) error {
	damage := sqlitefile.Checkpoint(ctx, path)
	if err := os.Link(path, kept); err != nil {
		return errors.Join(err, damage)
	}
	return nil // a damaged database, for which backups are restored, keeps its last changes in its companions
}

// moveCompanions moves what is left beside the file at path: SQLite would read it into the one that comes there.
func moveCompanions(path, kept string) error {
	from, to := sqlitefile.Companions(path), sqlitefile.Companions(kept)
	for i := range from {
		if err := os.Rename(from[i], to[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return syncFolder(path)
}
