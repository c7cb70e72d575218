package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/paddock-gate/paddock/internal/bootstrap"
	"github.com/paddock-gate/paddock/internal/coalesce"
	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/store"
)

// admin is for whoever has the database at hand, and works beside a running server.
func admin(ctx context.Context, p program) int {
	if len(p.args) != 2 || p.args[0] != "recover" {
		fmt.Fprintln(p.stderr, "usage: paddock admin recover EMAIL")
		return exitUsage
	}
	cfg, ok := configureWith(p, config.LoadForMigration)
	if !ok {
		return exitUsage
	}
	a, err := open(ctx, cfg, p, store.Beside)
	if err != nil {
		return fail(p, err)
	}
	defer a.close()
	if err := migrate.Check(ctx, a.store); err != nil {
		return fail(p, err)
	}
	r, err := bootstrap.Recover(ctx, a.audit, a.hasher, p.args[1], operator(p))
	if errors.Is(err, bootstrap.ErrNoUser) {
		err = fmt.Errorf("%w; `paddock seed` makes the first admin, ADMIN_BOOTSTRAP_EMAIL", err)
	}
	if err != nil {
		return fail(p, err)
	}
	if a.store.Embedded() {
		select { // until a running server has forgotten what it had read before
		case <-time.After(2 * coalesce.RememberFor):
		case <-ctx.Done():
		}
	}
	fmt.Fprintf(p.stdout, "RECOVERED_ADMIN_EMAIL=%s\nRECOVERED_ADMIN_PASSWORD=%s\n", r.Email, r.Password)
	for _, change := range r.Changes {
		fmt.Fprintln(p.stderr, change)
	}
	return exitOK
}
