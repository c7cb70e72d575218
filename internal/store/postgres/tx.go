package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/paddock-gate/paddock/internal/store/dberr"
	"github.com/paddock-gate/paddock/internal/store/stmt"
	"github.com/paddock-gate/paddock/internal/telemetry"
)

// errFailed is what follows a statement that failed: PostgreSQL takes nothing more in the transaction.
var errFailed = errors.New("an earlier statement of the transaction has failed")

// entTx is one transaction. What asks for no answer, an insert, is held until something does, or until the commit,
// and all of it then goes in one pipeline, without a round trip for each. An error of what was held comes out there.
//
// The connection is taken with the first statement that is sent, and given back by Rollback or a successful Commit.
type entTx struct {
	driver *entDriver
	conn   *pgxpool.Conn
	begun  bool
	failed bool
	vital  bool // one of its statements is: so is the commit, where what is deferred fails
	alone  bool // it shares no commit
	held   []statement
}

type statement struct {
	query string
	args  []any
	vital bool // see Vital
}

// failed returns the error of the statement when it comes out of a pipeline.
func (s statement) failed(err error) error {
	if s.vital {
		return dberr.Refused(err)
	}
	return dberr.Held(err)
}

// batch is good for one connection and one sending: pgx keeps in it what it has prepared.
func batch(statements []statement) *pgx.Batch {
	b := new(pgx.Batch)
	for _, s := range statements {
		b.Queue(s.query, s.args...)
	}
	return b
}

func (t *entTx) Exec(ctx context.Context, query string, args, v any) (err error) {
	if v == nil {
		return t.hold(ctx, query, args)
	}
	ctx, span := telemetry.StartStatement(ctx, dialect.Postgres, query)
	defer func() { span.End(err) }()
	ctx, cancel := stmt.Patient(ctx)
	defer cancel()
	results, err := t.send(ctx, query, args)
	if err != nil {
		return t.fail(err)
	}
	tag, err := results.Exec()
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return t.fail(err)
	}
	return setResult(v, tag.RowsAffected())
}

// ExecContext serves hand-written statements: Ent looks for it behind Tx.ExecContext.
func (t *entTx) ExecContext(ctx context.Context, query string, args ...any) (result sql.Result, err error) {
	if stmt.IsUnanswered(ctx) {
		return driver.ResultNoRows, t.hold(ctx, query, args)
	}
	err = t.Exec(ctx, query, args, &result)
	return result, err
}

func (t *entTx) Query(ctx context.Context, query string, args, v any) error {
	ctx, span := telemetry.StartStatement(ctx, dialect.Postgres, query)
	ctx, cancel := stmt.Patient(ctx)
	results, err := t.send(ctx, query, args)
	if err != nil {
		cancel()
		span.End(err)
		return t.fail(err)
	}
	done := func(err error) error {
		defer cancel()
		defer span.End(err)
		return results.Close()
	}
	rows, err := results.Query()
	if err == nil {
		err = setRows(v, rows, done)
	}
	if err != nil {
		_ = done(err) // fails with the same again
		return t.fail(err)
	}
	return nil
}

// Commit sends what is held and commits.
func (t *entTx) Commit() error {
	switch {
	case t.failed:
		return errFailed
	case !t.begun && len(t.held) == 0:
		return nil
	case !t.begun:
		send := t.driver.insert
		if t.alone {
			send = t.driver.pipeline
		}
		if err := send(t.held); err != nil {
			return t.fail(err)
		}
		return nil
	}
	if err := t.commit(); err != nil {
		return t.fail(statement{vital: t.vital}.failed(err))
	}
	t.release()
	return nil
}

func (t *entTx) commit() error {
	ctx, cancel := stmt.Patient(context.Background())
	defer cancel()
	results, err := t.send(ctx, "commit", []any(nil))
	if err != nil {
		return err
	}
	tag, err := results.Exec()
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	if err == nil && tag.String() != "COMMIT" {
		err = errFailed
	}
	return err
}

// Rollback releases the connection; if that is closed, or has nothing to roll back, it does no more.
func (t *entTx) Rollback() error {
	if t.conn == nil {
		return nil
	}
	defer t.release()
	if t.conn.Conn().IsClosed() || t.conn.Conn().PgConn().TxStatus() == 'I' {
		return nil
	}
	ctx, cancel := stmt.Patient(context.Background())
	defer cancel()
	_, err := t.conn.Exec(ctx, "rollback")
	return dberr.WrapAway(err)
}

func (t *entTx) hold(ctx context.Context, query string, args any) error {
	if t.failed {
		return errFailed
	}
	argv, err := pgArgs(args)
	if err != nil {
		return err
	}
	t.vital, t.alone = t.vital || stmt.IsVital(ctx), t.alone || stmt.IsAlone(ctx)
	t.held = append(t.held, statement{query, argv, stmt.IsVital(ctx)})
	return nil
}

// send sends what is held and then the statement, within an explicit transaction. The results are at the statement's.
func (t *entTx) send(ctx context.Context, query string, args any) (pgx.BatchResults, error) {
	if err := t.hold(ctx, query, args); err != nil {
		return nil, err
	}
	if t.conn == nil {
		conn, err := t.driver.acquire(ctx)
		if err != nil {
			return nil, err
		}
		t.conn = conn
	}
	if !t.begun {
		t.held = append(t.driver.first(statement{query: "begin"}), t.held...)
		t.begun = true
	}
	statements := t.held
	t.held = nil
	results := t.conn.SendBatch(ctx, batch(statements))
	for _, held := range statements[:len(statements)-1] {
		if _, err := results.Exec(); err != nil {
			results.Close()
			return nil, held.failed(err)
		}
	}
	return results, nil
}

func (t *entTx) fail(err error) error {
	t.failed = true
	return dberr.WrapAway(err)
}

func (t *entTx) release() {
	t.conn.Release() // which destroys one that is not in order
	t.conn = nil
}
