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

// writerCache is how much of the file the connection that writes keeps in memory. With SQLite's 2 MiB a change among a million users
// reads most pages that it touches once more, and costs twice the CPU.
const writerCache = "cache_size(-8192)" // KiB

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
		d.SQL, err = open(sqlitefile.DSN(path, wait, "foreign_keys(1)"), 8)
	}
	if err == nil {
		d.writer, err = open(sqlitefile.DSN(path, wait, "foreign_keys(1)", writerCache), 2) // one prepares statements while the other has its transaction
	}
	if err == nil {
		err = d.SQL.PingContext(ctx)
	}
	if err != nil {
		release()
		return nil, sqlitefile.ExplainDamage(path, err)
	}
	d.driver = &entDriver{newPrepared(d.SQL), newPrepared(d.writer)}
	d.Client = db.NewClient(db.Driver(d.driver))
	d.writes = newWriter(d.Client, &d.version)
	return d, nil
}

// open returns the pool of so many connections, which stay open.
func open(dsn string, connections int) (*sql.DB, error) {
	pool, err := sql.Open("sqlite", dsn)
	if err == nil {
		pool.SetMaxOpenConns(connections)
		pool.SetMaxIdleConns(connections)
	}
	return pool, err
}
