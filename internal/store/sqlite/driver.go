package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/paddock-gate/paddock/internal/store/dberr"
	"github.com/paddock-gate/paddock/internal/store/stmt"
	"github.com/paddock-gate/paddock/internal/telemetry"
)

// entDriver is Ent's driver, with statements that stay prepared; transactions have a connection of their own.
type entDriver struct{ db, writer *prepared }

func (d *entDriver) Exec(ctx context.Context, query string, args, v any) error {
	ctx, span := telemetry.StartStatement(ctx, dialect.SQLite, query)
	ctx, cancel := stmt.Patient(ctx)
	defer cancel()
	err := dberr.WrapAway(entsql.Conn{ExecQuerier: d.db}.Exec(ctx, query, args, v))
	span.End(err)
	return err
}

func (d *entDriver) Query(ctx context.Context, query string, args, v any) error {
	ctx, cancel := stmt.Patient(ctx)
	err := queryRows(ctx, d.db, query, args, v, cancel)
	if err != nil {
		cancel()
	}
	return err
}

func (d *entDriver) Tx(ctx context.Context) (dialect.Tx, error) {
	tx, err := d.writer.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return nil, dberr.WrapAway(err)
	}
	return &entTx{&preparedTx{Tx: tx, db: d.writer, bound: make(map[string]*sql.Stmt)}}, nil
}

func (d *entDriver) Close() error { return errors.Join(d.writer.Close(), d.db.Close()) }

func (d *entDriver) Dialect() string { return dialect.SQLite }

// entTx sets its statements no limit on time: it is the only writer, so there is nothing to wait for, and a timer and a
// goroutine for each statement would cost a tenth of the throughput.
type entTx struct{ tx *preparedTx }

func (t *entTx) Exec(ctx context.Context, query string, args, v any) error {
	ctx, span := telemetry.StartStatement(ctx, dialect.SQLite, query)
	err := refusedIfVital(ctx, dberr.WrapAway(entsql.Conn{ExecQuerier: t.tx}.Exec(context.WithoutCancel(ctx), query, args, v)))
	span.End(err)
	return err
}

// refusedIfVital returns the error of a statement, which is ErrAway if the context is one of Vital.
func refusedIfVital(ctx context.Context, err error) error {
	if err != nil && stmt.IsVital(ctx) {
		return dberr.Refused(err)
	}
	return err
}

func (t *entTx) Query(ctx context.Context, query string, args, v any) error {
	return queryRows(context.WithoutCancel(ctx), t.tx, query, args, v, func() {})
}

// ExecContext serves savepoints and hand-written statements: Ent looks for it behind Tx.ExecContext.
func (t *entTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx, span := telemetry.StartStatement(ctx, dialect.SQLite, query)
	result, err := t.tx.ExecContext(context.WithoutCancel(ctx), query, args...)
	span.End(err)
	return result, refusedIfVital(ctx, dberr.WrapAway(err))
}

// QueryContext serves Require.
func (t *entTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := t.tx.QueryContext(context.WithoutCancel(ctx), query, args...)
	return rows, dberr.WrapAway(err)
}

func (t *entTx) Commit() error { return dberr.WrapAway(t.tx.Commit()) }

func (t *entTx) Rollback() error { return dberr.WrapAway(t.tx.Rollback()) }

// queryRows calls done when the rows are closed, unless it fails.
func queryRows(ctx context.Context, db entsql.ExecQuerier, query string, args, v any, done func()) error {
	ctx, span := telemetry.StartStatement(ctx, dialect.SQLite, query)
	if err := (entsql.Conn{ExecQuerier: db}).Query(ctx, query, args, v); err != nil {
		span.End(err)
		return dberr.WrapAway(err)
	}
	rows := v.(*entsql.Rows) //nolint:errcheck // Query has just filled it
	rows.ColumnScanner = &entRows{ColumnScanner: rows.ColumnScanner, span: span, done: done}
	return nil
}

type entRows struct {
	entsql.ColumnScanner
	span telemetry.Work
	done func()
	dest []any // of Scan
}

func (r *entRows) Close() error {
	defer r.done()
	r.span.End(r.ColumnScanner.Err())
	return dberr.WrapAway(r.ColumnScanner.Close())
}

func (r *entRows) Err() error { return dberr.WrapAway(r.ColumnScanner.Err()) }

// ColumnTypes fails, as the one for PostgreSQL does. Ent asks for the types once more with each row.
func (r *entRows) ColumnTypes() ([]*sql.ColumnType, error) { return nil, dberr.ErrColumnTypes }
