// Package transfer copies everything in one database to another, which may be of the other kind.
package transfer

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"

	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store"
)

// parameters bounds those of one insert. More would make it hardly faster.
const parameters = 1000

// Copy copies all rows of all tables, in one transaction, to a database that is migrated and has none yet. It reads them
// back and compares them before it commits, so that the copy is whole and right, or there is none. Memory does not grow
// with the number of rows. done is told of each table that has been copied and compared.
//
// No server may write to either meanwhile. An embedded database is locked against that; on PostgreSQL Copy fails when
// rows came to the source while it ran.
func Copy(ctx context.Context, from, to *store.Store, done func(table string, rows int64)) error {
	for _, end := range []struct {
		name string
		*store.Store
	}{{"source", from}, {"target", to}} {
		if err := checkSchema(ctx, end.Store); err != nil {
			return fmt.Errorf("copy: the %s: %w", end.name, err)
		}
	}
	source, err := from.MigrationDB() // without limits on time
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	defer source.Close()
	target, err := to.MigrationDB()
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	defer target.Close()
	if err := copyAll(ctx, source, target, done); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	return nil
}

// checkSchema fails unless the schema is exactly this program's: of a newer one it would not know all columns.
func checkSchema(ctx context.Context, s *store.Store) error {
	if err := migrate.Check(ctx, s); err != nil {
		return err
	}
	status, err := migrate.Compare(ctx, s)
	if err == nil && status.Ahead {
		err = migrate.ErrAhead
	}
	return err
}

func copyAll(ctx context.Context, source, target *sql.DB, done func(table string, rows int64)) error {
	from, err := source.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return fmt.Errorf("source: %w", store.WrapAway(err))
	}
	defer from.Rollback()
	to, err := target.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("target: %w", store.WrapAway(err))
	}
	defer to.Rollback()
	all := tables()
	if err := checkEmpty(ctx, to, all); err != nil {
		return err
	}
	for _, t := range all {
		rows, err := t.copy(ctx, from, to)
		if err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
		done(t.name, rows)
	}
	if err := compareAuditTrails(ctx, from, to); err != nil {
		return err
	}
	if err := checkUnchanged(ctx, from, source, all); err != nil {
		return err
	}
	return to.Commit()
}

// checkEmpty fails when a table has rows.
func checkEmpty(ctx context.Context, to *sql.Tx, all []table) error {
	for _, t := range all {
		n, err := t.count(ctx, to)
		if err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("the target is not empty, table %s has %d rows: copy to a database on which only"+
				" `paddock migrate` was run", t.name, n)
		}
	}
	return nil
}

// checkUnchanged fails when the source has other numbers of rows by now than in the transaction.
func checkUnchanged(ctx context.Context, from *sql.Tx, source *sql.DB, all []table) error {
	for _, t := range all {
		read, err := t.count(ctx, from)
		if err != nil {
			return err
		}
		now, err := t.count(ctx, source)
		if err != nil {
			return err
		}
		if now != read {
			return fmt.Errorf("the source is in use, table %s has %d rows by now and not %d: stop its servers first", t.name, now, read)
		}
	}
	return nil
}

func (t table) count(ctx context.Context, db querier) (n int64, err error) {
	rows, err := db.QueryContext(ctx, "SELECT count(*) FROM "+quote(t.name))
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// copy copies the rows of a table, compares them, and returns how many it were.
func (t table) copy(ctx context.Context, from, to *sql.Tx) (rows int64, err error) {
	var read, written checksum
	if t.isFilledByTrigger() {
		statement := "DELETE FROM " + quote(t.name) //nolint:gosec // a name from Ent's schema
		if _, err := to.ExecContext(ctx, statement); err != nil {
			return 0, err
		}
	}
	in, err := t.newInserter(ctx, to)
	if err != nil {
		return 0, err
	}
	defer in.full.Close()
	err = t.read(ctx, from, func(values []any) error {
		read.add(values)
		return in.add(ctx, values)
	})
	if err == nil {
		err = in.flush(ctx)
	}
	if err != nil {
		return 0, err
	}
	err = t.read(ctx, to, func(values []any) error {
		written.add(values)
		return nil
	})
	if err == nil && !read.equals(&written) {
		err = fmt.Errorf("what was written is not what was read: %d rows and %d", written.rows, read.rows)
	}
	return read.rows, err
}

// inserter inserts rows, many at a time.
type inserter struct {
	table table
	to    *sql.Tx
	full  *sql.Stmt // inserts as many rows as fit
	args  []any     // of the rows that wait
}

func (t table) newInserter(ctx context.Context, to *sql.Tx) (*inserter, error) {
	rows := parameters / len(t.columns)
	full, err := to.PrepareContext(ctx, t.insert(rows))
	return &inserter{table: t, to: to, full: full, args: make([]any, 0, rows*len(t.columns))}, err
}

func (in *inserter) add(ctx context.Context, values []any) error {
	in.args = append(in.args, values...)
	if len(in.args) < cap(in.args) {
		return nil
	}
	_, err := in.full.ExecContext(ctx, in.args...)
	in.args = in.args[:0]
	return err
}

// flush inserts the rows that wait.
func (in *inserter) flush(ctx context.Context) error {
	if len(in.args) == 0 {
		return nil
	}
	_, err := in.to.ExecContext(ctx, in.table.insert(len(in.args)/len(in.table.columns)), in.args...)
	return err
}

// compareAuditTrails fails unless both have the same entries in the same order, as the audit log lists them.
func compareAuditTrails(ctx context.Context, from, to querier) error {
	read, err := auditTrail(ctx, from)
	if err != nil {
		return err
	}
	written, err := auditTrail(ctx, to)
	if err != nil {
		return err
	}
	if read != written {
		return errors.New("the audit trail is in another order")
	}
	return nil
}

// auditTrail returns a hash over the ids of the audit entries in their order.
func auditTrail(ctx context.Context, db querier) (hash [sha256.Size]byte, err error) {
	rows, err := db.QueryContext(ctx, `SELECT id FROM audit_entries ORDER BY occurred_at, id`)
	if err != nil {
		return hash, err
	}
	defer rows.Close()
	h := sha256.New()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return hash, err
		}
		h.Write([]byte(id + "\n"))
	}
	return [sha256.Size]byte(h.Sum(nil)), rows.Err()
}
