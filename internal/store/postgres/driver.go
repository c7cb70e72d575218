package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/paddock-gate/paddock/internal/coalesce"
	"github.com/paddock-gate/paddock/internal/store/dberr"
	"github.com/paddock-gate/paddock/internal/store/stmt"
	"github.com/paddock-gate/paddock/internal/telemetry"
)

// entDriver is Ent's driver, on pgx itself and not on database/sql, for the sake of its pipeline: see entTx.
type entDriver struct {
	pool    *pgxpool.Pool
	pooler  *pooler
	inserts *coalesce.Batch[*inserts]
}

func newDriver(pool *pgxpool.Pool, pooler *pooler) *entDriver {
	d := &entDriver{pool: pool, pooler: pooler}
	d.inserts = coalesce.NewBatch(coalesce.BatchOptions{Commits: insertWriters, Jobs: stmt.GroupSize, Wait: stmt.AcquireTimeout}, d.commitInserts)
	return d
}

func (d *entDriver) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, stmt.AcquireTimeout)
	defer cancel()
	conn, err := d.pool.Acquire(ctx)
	if d.pooler.noticed(err) {
		conn, err = d.pool.Acquire(ctx)
	}
	return conn, err
}

func (d *entDriver) Exec(ctx context.Context, query string, args, v any) (err error) {
	argv, err := pgArgs(args)
	if err != nil {
		return err
	}
	ctx, span := telemetry.StartStatement(ctx, dialect.Postgres, query)
	defer func() { span.End(err) }()
	ctx, cancel := stmt.Patient(ctx)
	defer cancel()
	conn, err := d.acquire(ctx)
	if err != nil {
		return dberr.WrapAway(err)
	}
	defer conn.Release()
	tag, err := conn.Exec(ctx, query, argv...)
	if err != nil {
		return dberr.WrapAway(err)
	}
	return setResult(v, tag.RowsAffected())
}

func (d *entDriver) Query(ctx context.Context, query string, args, v any) error {
	argv, err := pgArgs(args)
	if err != nil {
		return err
	}
	ctx, span := telemetry.StartStatement(ctx, dialect.Postgres, query)
	ctx, cancel := stmt.Prompt(ctx)
	conn, err := d.acquire(ctx)
	if err != nil {
		cancel()
		span.End(err)
		return dberr.WrapAway(err)
	}
	done := func(err error) error {
		conn.Release()
		cancel()
		span.End(err)
		return nil
	}
	rows, err := conn.Query(ctx, query, argv...)
	if err == nil {
		err = setRows(v, rows, done)
	}
	if err != nil {
		_ = done(err) // never fails
		return dberr.WrapAway(err)
	}
	return nil
}

// Tx takes no connection yet; the first statement does.
func (d *entDriver) Tx(context.Context) (dialect.Tx, error) { return &entTx{driver: d}, nil }

func (d *entDriver) Close() error {
	d.pool.Close()
	return nil
}

func (d *entDriver) Dialect() string { return dialect.Postgres }

// pgArgs are Ent's arguments, with UUIDs in the form that pgx sends as they are: others cost it 3 µs each.
func pgArgs(args any) ([]any, error) {
	given, ok := args.([]any)
	if !ok {
		return nil, fmt.Errorf("arguments are %T, not []any", args)
	}
	argv := make([]any, len(given))
	for i, arg := range given {
		switch id := arg.(type) {
		case uuid.UUID:
			argv[i] = pgtype.UUID{Bytes: id, Valid: true}
		case *uuid.UUID:
			argv[i] = pgtype.UUID{Bytes: *id, Valid: true}
		default:
			argv[i] = arg
		}
	}
	return argv, nil
}

// setResult fills the v of Ent's Exec: nil or a *sql.Result.
func setResult(v any, rowsAffected int64) error {
	switch v := v.(type) {
	case nil:
	case *sql.Result:
		*v = driver.RowsAffected(rowsAffected)
	default:
		return fmt.Errorf("result goes into a %T, not *sql.Result", v)
	}
	return nil
}

// setRows fills the v of Ent's Query, a *entsql.Rows. Closing them calls done with the error that ended them, unless setRows fails.
func setRows(v any, rows pgx.Rows, done func(error) error) error {
	into, ok := v.(*entsql.Rows)
	if !ok {
		rows.Close()
		return fmt.Errorf("rows go into a %T, not *entsql.Rows", v)
	}
	// The first row now, since only then it is known whether the statement failed.
	more := rows.Next()
	if err := rows.Err(); err != nil {
		rows.Close()
		return err
	}
	into.ColumnScanner = &entRows{rows: rows, first: true, more: more, done: done}
	return nil
}
