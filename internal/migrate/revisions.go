package migrate

import (
	"context"
	"encoding/json"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
	"entgo.io/ent/dialect"
)

// revisionsTable is where the Atlas command line keeps what it has applied, and where we do, so that either can go on
// where the other stopped. It insists on exactly these columns and types (ariga.io/atlas/cmd/atlas, internal/migrate/ent).
const revisionsTable = "atlas_schema_revisions"

// cloudIdentifier is a row of the Atlas command line's that is no revision.
const cloudIdentifier = ".atlas_cloud_identifier"

const createRevisionsPostgres = `CREATE TABLE IF NOT EXISTS public.atlas_schema_revisions (
  version character varying NOT NULL PRIMARY KEY,
  description character varying NOT NULL,
  type bigint NOT NULL DEFAULT 2,
  applied bigint NOT NULL DEFAULT 0,
  total bigint NOT NULL DEFAULT 0,
  executed_at timestamptz NOT NULL,
  execution_time bigint NOT NULL,
  error text NULL,
  error_stmt text NULL,
  hash character varying NOT NULL,
  partial_hashes jsonb NULL,
  operator_version character varying NOT NULL
)`

const createRevisionsSQLite = `CREATE TABLE IF NOT EXISTS atlas_schema_revisions (
  version text NOT NULL PRIMARY KEY,
  description text NOT NULL,
  type integer NOT NULL DEFAULT 2,
  applied integer NOT NULL DEFAULT 0,
  total integer NOT NULL DEFAULT 0,
  executed_at datetime NOT NULL,
  execution_time integer NOT NULL,
  error text NULL,
  error_stmt text NULL,
  hash text NOT NULL,
  partial_hashes json NULL,
  operator_version text NOT NULL
)`

// revisions reads and writes the table for Atlas's executor.
type revisions struct {
	db      schema.ExecQuerier
	dialect string
}

var _ atlas.RevisionReadWriter = revisions{}

func (r revisions) create(ctx context.Context) error {
	statement := createRevisionsPostgres
	if r.dialect == dialect.SQLite {
		statement = createRevisionsSQLite
	}
	_, err := r.db.ExecContext(ctx, statement)
	return err
}

func (r revisions) exists(ctx context.Context) (exists bool, err error) {
	query := `SELECT to_regclass('public.atlas_schema_revisions') IS NOT NULL`
	if r.dialect == dialect.SQLite {
		query = `SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'atlas_schema_revisions')`
	}
	rows, err := r.db.QueryContext(ctx, query)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&exists); err != nil {
			return false, err
		}
	}
	return exists, rows.Err()
}

func (r revisions) table() string {
	if r.dialect == dialect.Postgres {
		return "public." + revisionsTable
	}
	return revisionsTable
}

// Ident names the table.
func (r revisions) Ident() *atlas.TableIdent {
	if r.dialect == dialect.Postgres {
		return &atlas.TableIdent{Schema: "public", Name: revisionsTable}
	}
	return &atlas.TableIdent{Name: revisionsTable}
}

// ReadRevisions returns all revisions, oldest first; none when there is no table yet.
func (r revisions) ReadRevisions(ctx context.Context) ([]*atlas.Revision, error) {
	if exists, err := r.exists(ctx); err != nil || !exists {
		return nil, err
	}
	return r.read(ctx, `version <> $1`, cloudIdentifier)
}

// ReadRevision returns one revision.
func (r revisions) ReadRevision(ctx context.Context, version string) (*atlas.Revision, error) {
	found, err := r.read(ctx, `version = $1`, version)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, atlas.ErrRevisionNotExist
	}
	return found[0], nil
}

func (r revisions) read(ctx context.Context, where string, arg any) ([]*atlas.Revision, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT version, description, type, applied, total, executed_at, execution_time,`+
		` COALESCE(error, ''), COALESCE(error_stmt, ''), hash, COALESCE(partial_hashes, '[]'), operator_version`+
		` FROM `+r.table()+` WHERE `+where+` ORDER BY version`, arg)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []*atlas.Revision
	for rows.Next() {
		var (
			rev     atlas.Revision
			partial []byte
		)
		if err := rows.Scan(&rev.Version, &rev.Description, &rev.Type, &rev.Applied, &rev.Total, &rev.ExecutedAt,
			&rev.ExecutionTime, &rev.Error, &rev.ErrorStmt, &rev.Hash, &partial, &rev.OperatorVersion); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(partial, &rev.PartialHashes); err != nil {
			return nil, err
		}
		found = append(found, &rev)
	}
	return found, rows.Err()
}

// WriteRevision inserts or updates a revision.
func (r revisions) WriteRevision(ctx context.Context, rev *atlas.Revision) error {
	partial, err := json.Marshal(rev.PartialHashes)
	if err != nil {
		return err
	}
	_, err = r.db.ExecContext(ctx, `INSERT INTO `+r.table()+` (version, description, type, applied, total, executed_at,`+
		` execution_time, error, error_stmt, hash, partial_hashes, operator_version)`+
		` VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (version) DO UPDATE SET`+
		` applied = excluded.applied, total = excluded.total, executed_at = excluded.executed_at,`+
		` execution_time = excluded.execution_time, error = excluded.error, error_stmt = excluded.error_stmt,`+
		` hash = excluded.hash, partial_hashes = excluded.partial_hashes, operator_version = excluded.operator_version`,
		rev.Version, rev.Description, int64(rev.Type), rev.Applied, rev.Total, rev.ExecutedAt, int64(rev.ExecutionTime),
		rev.Error, rev.ErrorStmt, rev.Hash, string(partial), rev.OperatorVersion)
	return err
}

// DeleteRevision deletes a revision.
func (r revisions) DeleteRevision(ctx context.Context, version string) error {
	_, err := r.db.ExecContext(ctx, `DELETE FROM `+r.table()+` WHERE version = $1`, version)
	return err
}
