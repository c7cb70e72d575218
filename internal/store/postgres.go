package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// maxConnections is the pool's size unless the URL says pool_max_conns. PostgreSQL allows 100 clients by default; five
// replicas fit.
const maxConnections = 16

// openPostgres connects lazily: a database that is away is an error of the first statement, not of the start.
func (s *Store) openPostgres(ctx context.Context, url string) error {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return errors.New("the URL does not parse") // the cause may quote the password
	}
	if !strings.Contains(url, "pool_max_conns=") {
		cfg.MaxConns = maxConnections
	}
	cfg.MaxConnLifetime = time.Hour
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.ConnConfig.ConnectTimeout = acquireTimeout
	cfg.ConnConfig.DialFunc = dialWith(cfg.ConnConfig.DialFunc)
	params := cfg.ConnConfig.RuntimeParams
	params["application_name"] = "paddock"
	params["timezone"] = "UTC"
	for _, setting := range sessionSettings {
		params[setting.name] = strconv.FormatInt(setting.limit.Milliseconds(), 10)
	}

	s.pooler = newPooler(url, cfg.ConnConfig)
	cfg.BeforeConnect = s.pooler.adapt
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		return s.pooler.check(ctx, conn)
	}

	s.pool, err = pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	s.dialect = dialect.Postgres
	s.sql = sql.OpenDB(impatientConnector{poolerConnector{stdlib.GetPoolConnector(s.pool), s.pooler}})
	s.sql.SetMaxIdleConns(0) // the pool below keeps them
	return nil
}

// impatientConnector gives up on a connection after acquireTimeout, however long the statement may take.
type impatientConnector struct{ driver.Connector }

func (c impatientConnector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, acquireTimeout)
	defer cancel()
	return c.Connector.Connect(ctx)
}
