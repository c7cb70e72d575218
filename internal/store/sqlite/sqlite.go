package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store/sqlitefile"
)

// lockedTimeout is how long a server's statement waits for what another process, such as a tool that makes backups, has locked. A call
// may wait for two, and learns within 2 s that the database is away.
const lockedTimeout = 800 * time.Millisecond

// idleTimeout is how long a connection that nothing uses stays open, and keeps the part of the file that it has read in memory.
const idleTimeout = 15 * time.Second

// Open opens the file at path, creating it (mode 0600) and its directory (mode 0700) when absent.
//
// WAL with synchronous=FULL: a commit that was acknowledged survives a power cut. Transactions begin IMMEDIATE, because
// one that reads first and then writes would lose to SQLITE_BUSY whatever the busy timeout. Times are written as UTC text
// that sorts.
func Open(ctx context.Context, path string, options ...Option) (*Database, error) {
	wait := lockedTimeout
	if slices.Contains(options, Beside) {
		wait = sqlitefile.Patient
	}
	if len(options) > 0 {
		if err := sqlitefile.Check(path); err != nil {
			return nil, err
		}
	}
	release := func() {}
	var err error
	if !slices.Contains(options, Beside) {
		if release, err = sqlitefile.Lock(path); err != nil {
			return nil, err
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
	d := &Database{path: path, release: release}
	if err == nil {
		d.SQL, err = sql.Open("sqlite", sqlitefile.DSN(path, "foreign_keys(1)", wait))
	}
	if err == nil {
		d.SQL.SetMaxOpenConns(8)
		d.SQL.SetMaxIdleConns(8)
		d.SQL.SetConnMaxIdleTime(idleTimeout)
		err = d.SQL.PingContext(ctx)
	}
	if err != nil {
		release()
		return nil, sqlitefile.ExplainDamage(path, err)
	}
	d.driver = &entDriver{newPrepared(d.SQL)}
	d.Client = db.NewClient(db.Driver(d.driver))
	d.writes = newWriter(d.Client, &d.version)
	return d, nil
}
