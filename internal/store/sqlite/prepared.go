package sqlite

import (
	"context"
	"database/sql"
	"sync"
)

// maxPrepared bounds how many statements stay prepared. The program has some 100; lists of changing length (IN) make more.
const maxPrepared = 256

// prepared runs statements that stay prepared on each connection: SQLite takes longer to compile a short one than to run
// it. (pgx does the same by itself.)
type prepared struct {
	*sql.DB
	mu         sync.RWMutex
	statements map[string]*sql.Stmt
}

func newPrepared(db *sql.DB) *prepared {
	return &prepared{DB: db, statements: make(map[string]*sql.Stmt)}
}

// statement returns nil when there are too many already, or when it does not compile: running the query then fails with the reason.
func (p *prepared) statement(ctx context.Context, query string) *sql.Stmt {
	p.mu.RLock()
	s, full := p.statements[query], len(p.statements) >= maxPrepared
	p.mu.RUnlock()
	if s != nil || full {
		return s
	}
	s, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if other := p.statements[query]; other != nil { // somebody was quicker
		defer s.Close()
		return other
	}
	p.statements[query] = s
	return s
}

func (p *prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := p.statement(ctx, query); s != nil { //nolint:sqlclosecheck // see statement
		return s.ExecContext(ctx, args...)
	}
	return p.DB.ExecContext(ctx, query, args...)
}

func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := p.statement(ctx, query); s != nil { //nolint:sqlclosecheck // see statement
		return s.QueryContext(ctx, args...)
	}
	return p.DB.QueryContext(ctx, query, args...)
}

// preparedTx does the same in a transaction.
type preparedTx struct {
	*sql.Tx
	db    *prepared
	bound map[string]*sql.Stmt // to this transaction
}

func (t *preparedTx) statement(ctx context.Context, query string) *sql.Stmt {
	if s := t.bound[query]; s != nil {
		return s
	}
	s := t.db.statement(ctx, query)
	if s == nil {
		return nil
	}
	s = t.StmtContext(ctx, s)
	t.bound[query] = s
	return s
}

func (t *preparedTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := t.statement(ctx, query); s != nil { //nolint:sqlclosecheck // see statement
		return s.ExecContext(ctx, args...)
	}
	return t.Tx.ExecContext(ctx, query, args...)
}

func (t *preparedTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := t.statement(ctx, query); s != nil { //nolint:sqlclosecheck // see statement
		return s.QueryContext(ctx, args...)
	}
	return t.Tx.QueryContext(ctx, query, args...)
}
