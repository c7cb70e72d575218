// Package postgres is a pool of connections to PostgreSQL, and Ent's driver on it.
package postgres

import (
	"context"
	"database/sql"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/paddock-gate/paddock/ent/db"
)

// Database is an open PostgreSQL.
type Database struct {
	Client *db.Client
	SQL    *sql.DB // for statements that Ent has no words for

	pool   *pgxpool.Pool
	pooler *pooler
	driver *entDriver
}

// MigrationDB opens the database without the limits on time that the pool has.
func (d *Database) MigrationDB() *sql.DB {
	cfg := d.pool.Config().ConnConfig
	for _, setting := range sessionSettings {
		cfg.RuntimeParams[setting.name] = "0"
	}
	connector := stdlib.GetConnector(*cfg, stdlib.OptionBeforeConnect(d.pooler.adapt), stdlib.OptionAfterConnect(d.pooler.check))
	return sql.OpenDB(poolerConnector{connector, d.pooler})
}

// Query is that of Ent's driver: it fills rows, a *entsql.Rows.
func (d *Database) Query(ctx context.Context, query string, args []any, rows *entsql.Rows) error {
	return d.driver.Query(ctx, query, args, rows)
}

// Connections returns how the pool is used right now.
func (d *Database) Connections() (inUse, idle, most int) {
	st := d.pool.Stat()
	return int(st.AcquiredConns()), int(st.IdleConns()), int(st.MaxConns())
}

// Close waits for running writes and closes the database.
func (d *Database) Close() error {
	d.driver.inserts.Close()
	err := d.SQL.Close()
	d.pool.Close()
	return err
}
