package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/store"
	"github.com/paddock-gate/paddock/internal/store/sqlitefile"
	"github.com/paddock-gate/paddock/internal/transfer"
)

// copyCommand copies between two databases, of which the configured one is the default for either.
func copyCommand(ctx context.Context, p program) int {
	flags := flag.NewFlagSet("paddock copy", flag.ContinueOnError)
	flags.SetOutput(p.stderr)
	from := flags.String("from", "", "URL of the database to copy; default: the configured one")
	to := flags.String("to", "", "URL of the database to copy to; default: the configured one")
	if err := flags.Parse(p.args); err != nil {
		return exitUsage
	}
	if flags.NArg() > 0 || *from == *to {
		fmt.Fprintln(p.stderr, "usage: paddock copy [--from URL] [--to URL], at least one of them, each postgres://… or sqlite:///…")
		return exitUsage
	}
	cfg, ok := configureWith(p, config.LoadForMigration)
	if !ok {
		return exitUsage
	}
	source, err := openExisting(ctx, "--from", *from, cfg)
	if err != nil {
		return fail(p, err)
	}
	defer source.Close()
	target, err := openExisting(ctx, "--to", *to, cfg)
	if err != nil {
		return fail(p, err)
	}
	defer target.Close()
	var tables, rows int64
	err = transfer.Copy(ctx, source, target, func(table string, n int64) {
		fmt.Fprintf(p.stdout, "%-20s %d\n", table, n)
		tables, rows = tables+1, rows+n
	})
	if err != nil {
		return fail(p, err)
	}
	fmt.Fprintf(p.stdout, "copied %d rows of %d tables; read back, all are the same, and the audit trail is in order\n", rows, tables)
	return exitOK
}

// openExisting opens the database of a flag, or the configured one when the flag is not set.
func openExisting(ctx context.Context, name, url string, cfg config.Config) (*store.Store, error) {
	url = cmp.Or(url, cfg.Database.URL.Reveal())
	s, err := store.Open(ctx, url, store.Existing)
	if errors.Is(err, sqlitefile.ErrNoFile) && name == "--to" {
		err = fmt.Errorf("%w: make it with `DATABASE_URL=%s paddock migrate`", err, url)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}
