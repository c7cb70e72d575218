package migrate

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"slices"

	atlas "ariga.io/atlas/sql/migrate"
	"entgo.io/ent/dialect"
)

// A migration with the line "-- atlas:txmode none" runs outside of a transaction, as CREATE INDEX CONCURRENTLY must. Each
// statement that has succeeded is noted in its revision. When one fails or the program dies, the next run goes on with that
// statement: so it must be one that can run twice, with IF NOT EXISTS or the like.

// isUntransacted reports whether the migration runs outside of a transaction.
func isUntransacted(file atlas.File) bool {
	f, ok := file.(interface{ Directive(name string) []string })
	return ok && slices.Equal(f.Directive("txmode"), []string{"none"})
}

// isResumable reports whether the revision, of a migration that stopped half-way, is of one that the next run goes on with.
func isResumable(rev *atlas.Revision, known []atlas.File) bool {
	return slices.ContainsFunc(known, func(f atlas.File) bool { return f.Version() == rev.Version && isUntransacted(f) })
}

// applyUntransacted runs what has not been run yet of a migration outside of a transaction.
func applyUntransacted(ctx context.Context, dialectName string, conn *sql.Conn, dir atlas.Dir, file atlas.File) error {
	if dialectName == dialect.Postgres {
		if err := dropInvalidIndexes(ctx, conn, file); err != nil {
			return err
		}
	}
	return execute(ctx, dialectName, conn, dir, file)
}

// dropInvalidIndexes drops those indexes that the migration names and an interrupted CREATE INDEX CONCURRENTLY has left:
// they serve no query, and IF NOT EXISTS would be content with them. The lock on migrations must be held, so that none of
// them is being made right now.
func dropInvalidIndexes(ctx context.Context, conn *sql.Conn, file atlas.File) error {
	rows, err := conn.QueryContext(ctx, `SELECT c.relname, quote_ident(n.nspname) || '.' || quote_ident(c.relname)`+
		` FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace`+
		` WHERE NOT i.indisvalid AND n.nspname = current_schema()`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var invalid []string
	for rows.Next() {
		var name, quoted string
		if err := rows.Scan(&name, &quoted); err != nil {
			return err
		}
		if regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).Match(file.Bytes()) {
			invalid = append(invalid, quoted)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, name := range invalid {
		if _, err := conn.ExecContext(ctx, "DROP INDEX CONCURRENTLY IF EXISTS "+name); err != nil {
			return err
		}
	}
	return nil
}
