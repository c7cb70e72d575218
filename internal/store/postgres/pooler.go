package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/paddock-gate/paddock/internal/store/stmt"
)

// sessionSettings are PostgreSQL's limits on time. A session begins with them; through a pooler, which gives each transaction
// another session and refuses them at the start, they are set for each transaction that writes.
var sessionSettings = []struct {
	name  string
	limit time.Duration
}{
	{"statement_timeout", stmt.Timeout},
	{"lock_timeout", 1500 * time.Millisecond}, // more than deadlock_timeout, which is better: a deadlock is tried again; see LimitLockWaits
	{"idle_in_transaction_session_timeout", 10 * time.Second},
}

// setLocal sets them until the end of the transaction.
var setLocal = func() statement {
	var calls []string
	for _, s := range sessionSettings {
		calls = append(calls, fmt.Sprintf("set_config('%s', '%d', true)", s.name, s.limit.Milliseconds()))
	}
	return statement{query: "SELECT " + strings.Join(calls, ", ")}
}()

// pooler is what is known of a pooler of transactions, such as PgBouncer, between this program and PostgreSQL. Then neither settings
// nor prepared statements outlast a transaction. It is found by asking, unless the URL says how statements are to be sent.
type pooler struct {
	found, excluded atomic.Bool
	chosen          bool // default_query_exec_mode is the URL's
}

func newPooler(url string, cfg *pgx.ConnConfig) *pooler {
	p := &pooler{chosen: strings.Contains(url, "default_query_exec_mode=")}
	p.found.Store(cfg.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement || cfg.StatementCacheCapacity == 0)
	return p
}

// adapt changes what a connection begins with to what the pooler, if there is one, can take.
func (p *pooler) adapt(_ context.Context, cfg *pgx.ConnConfig) error {
	if !p.found.Load() {
		return nil
	}
	for _, s := range sessionSettings {
		delete(cfg.RuntimeParams, s.name)
	}
	if !p.chosen || cfg.StatementCacheCapacity == 0 && cfg.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // no named statements, and one round trip for each
	}
	return nil
}

// errPooler is what a connection fails with that has turned out to be a pooler's.
var errPooler = errors.New("there is a pooler in between")

// check fails with errPooler if the connection is to a pooler and was made as if it were not: the process that serves it is not the one
// that it began with. It asks until one connection was PostgreSQL's own.
func (p *pooler) check(ctx context.Context, conn *pgx.Conn) error {
	if p.found.Load() || p.excluded.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stmt.AcquireTimeout)
	defer cancel()
	results, err := conn.PgConn().Exec(ctx, "SELECT pg_backend_pid()").ReadAll()
	if err != nil {
		return err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return nil
	}
	if string(results[0].Rows[0][0]) != strconv.FormatUint(uint64(conn.PgConn().PID()), 10) {
		return errPooler
	}
	p.excluded.Store(true)
	return nil
}

// noticed reports whether the connection failed because of a pooler, so that another attempt will do.
func (p *pooler) noticed(err error) bool {
	if err == nil {
		return false
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !errors.Is(err, errPooler) && !(ok && pg.Code == "08P01" && strings.Contains(pg.Message, "unsupported startup parameter")) {
		return false
	}
	p.found.Store(true)
	return true
}

// poolerConnector connects once more when it finds that there is a pooler.
type poolerConnector struct {
	driver.Connector
	pooler *pooler
}

func (c poolerConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if c.pooler.noticed(err) {
		conn, err = c.Connector.Connect(ctx)
	}
	return conn, err
}

// first returns the statements that a transaction begins with, on a connection that is there already: those given, and the settings if
// there is a pooler.
func (d *entDriver) first(given ...statement) []statement {
	if d.pooler.found.Load() {
		return append(given, setLocal)
	}
	return given
}
