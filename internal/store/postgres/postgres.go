package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store/stmt"
)

// maxConnections is the pool's size unless the URL says pool_max_conns. PostgreSQL allows 100 clients by default; five
// replicas fit.
const maxConnections = 16

// Open connects lazily: a database that is away is an error of the first statement, not of the start.
func Open(ctx context.Context, url string) (*Database, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the URL does not parse") // the cause may quote the password
	}
	if !strings.Contains(url, "pool_max_conns=") {
		cfg.MaxConns = maxConnections
	}
	cfg.MaxConnLifetime = time.Hour
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.ConnConfig.ConnectTimeout = stmt.AcquireTimeout
	cfg.ConnConfig.DialFunc = dialWith(cfg.ConnConfig.DialFunc)
	params := cfg.ConnConfig.RuntimeParams
	params["application_name"] = "paddock"
	params["timezone"] = "UTC"
	for _, setting := range sessionSettings {
		params[setting.name] = strconv.FormatInt(setting.limit.Milliseconds(), 10)
	}

	d := &Database{pooler: newPooler(url, cfg.ConnConfig)}
	cfg.BeforeConnect = d.pooler.adapt
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		return d.pooler.check(ctx, conn)
	}

	d.pool, err = pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	d.SQL = sql.OpenDB(impatientConnector{poolerConnector{stdlib.GetPoolConnector(d.pool), d.pooler}})
	d.SQL.SetMaxIdleConns(0) // the pool below keeps them
	d.driver = newDriver(d.pool, d.pooler)
	d.Client = db.NewClient(db.Driver(d.driver))
	return d, nil
}

// impatientConnector gives up on a connection after AcquireTimeout, however long the statement may take.
type impatientConnector struct{ driver.Connector }

func (c impatientConnector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, stmt.AcquireTimeout)
	defer cancel()
	return c.Connector.Connect(ctx)
}
