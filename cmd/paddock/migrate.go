package main

import (
	"context"
	"fmt"

	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/migrate"
)

func migrateCommand(ctx context.Context, p program) int {
	what := "up"
	if len(p.args) > 0 {
		what = p.args[0]
	}
	if len(p.args) > 1 || what != "up" && what != "status" {
		fmt.Fprintln(p.stderr, "usage: paddock migrate [up|status]")
		return exitUsage
	}
	cfg, ok := configureWith(p, config.LoadForMigration)
	if !ok {
		return exitUsage
	}
	a, err := open(ctx, cfg, p)
	if err != nil {
		return fail(p, err)
	}
	defer a.close()
	if what == "up" {
		applied, err := migrate.Up(ctx, a.store)
		for _, name := range applied {
			fmt.Fprintln(p.stdout, "applied", name)
		}
		if err != nil {
			return fail(p, err)
		}
	}
	status, err := migrate.Compare(ctx, a.store)
	if err != nil {
		return fail(p, err)
	}
	switch {
	case status.Needs != "":
		fmt.Fprintf(p.stdout, "schema %s is for programs that know %s, and this one knows up to %s: run a newer paddock\n",
			status.Current, status.Needs, status.Latest)
		return exitFailed
	case status.Ahead:
		fmt.Fprintf(p.stdout, "schema %s is newer than this program, which knows up to %s and can run on it\n", status.Current, status.Latest)
	case len(status.Pending) > 0:
		fmt.Fprintf(p.stdout, "schema %s is behind; pending:\n", orNone(status.Current))
		for _, name := range status.Pending {
			fmt.Fprintln(p.stdout, " ", name)
		}
		fmt.Fprintln(p.stdout, "run: paddock migrate")
		return exitFailed
	default:
		fmt.Fprintf(p.stdout, "schema %s is up to date\n", status.Current)
	}
	return exitOK
}

func orNone(version string) string {
	if version == "" {
		return "(none)"
	}
	return version
}
