package apptest

import (
	"context"
	"testing"

	"connectrpc.com/connect"

	"github.com/paddock-gate/paddock/ent/db"
	"github.com/paddock-gate/paddock/internal/store"
)

// WithHeader is a client option that sets a header of every call.
func WithHeader(key, value string) connect.ClientOption {
	return connect.WithInterceptors(connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			req.Header().Set(key, value)
			return next(ctx, req)
		}
	}))
}

// Exec runs a statement behind the server's back, parameters $1, $2, …, and returns how many rows it was about: to make
// something old without waiting, or to break it.
func (a *App) Exec(t testing.TB, statement string, args ...any) int64 {
	t.Helper()
	var rows int64
	err := a.Store.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) (err error) {
		rows, err = store.Exec(store.WithWrites(ctx), tx, statement, args...)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return rows
}
