package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/paddock-gate/paddock/internal/backup"
	"github.com/paddock-gate/paddock/internal/config"
)

// signingSecret says what a backup lacks.
const signingSecret = "The secret that signs sessions is not in it: keep JWT_SECRET, or the file jwt_secret in DATA_DIR, elsewhere." +
	" Without it all have to sign in again; passwords and API keys go on working."

func backupCommand(ctx context.Context, p program) int {
	if len(p.args) != 1 {
		fmt.Fprintln(p.stderr, "usage: paddock backup FILE")
		return exitUsage
	}
	file := p.args[0]
	cfg, ok := configureWith(p, config.LoadForMigration)
	if !ok {
		return exitUsage
	}
	if cfg.Database.Driver == config.PostgreSQL {
		return useClients(p, "back it up", backup.Dump(cfg.Database.URL.Reveal(), file))
	}
	if err := backup.Create(ctx, cfg.Database.Path, file); err != nil {
		return fail(p, err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return fail(p, err)
	}
	fmt.Fprintf(p.stdout, "%s: %d bytes, checked\n", file, info.Size())
	fmt.Fprintln(p.stderr, signingSecret)
	return exitOK
}

func restoreCommand(ctx context.Context, p program) int {
	flags := flag.NewFlagSet("paddock restore", flag.ContinueOnError)
	flags.SetOutput(p.stderr)
	replace := flags.Bool("replace", false, "set the database that is there aside")
	files, err := parseAround(flags, p.args)
	if err != nil {
		return exitUsage
	}
	if len(files) != 1 {
		fmt.Fprintln(p.stderr, "usage: paddock restore [--replace] FILE")
		return exitUsage
	}
	file := files[0]
	cfg, ok := configureWith(p, config.LoadForMigration)
	if !ok {
		return exitUsage
	}
	if cfg.Database.Driver == config.PostgreSQL {
		return useClients(p, "restore to it, when it is new and empty and no server runs", backup.Load(cfg.Database.URL.Reveal(), file))
	}
	r, err := backup.Restore(ctx, file, cfg.Database.Path, backup.Options{Replace: *replace, Operator: operator(p)})
	if errors.Is(err, backup.ErrNotEmpty) {
		err = fmt.Errorf("%w; paddock restore --replace sets it aside, and deletes nothing", err)
	}
	if err != nil {
		return fail(p, err)
	}
	for _, name := range r.Migrated {
		fmt.Fprintln(p.stdout, "applied", name)
	}
	fmt.Fprintf(p.stdout, "restored %s; users: %d; newest audit entry: %s\n", cfg.Database.Path, r.Users, orNone(until(r)))
	if r.Kept != "" {
		fmt.Fprintln(p.stdout, "the database that was there is", r.Kept)
	}
	fmt.Fprintln(p.stderr, "What was revoked, disabled or changed since the backup is as it was then: look at the API keys and users again.")
	return exitOK
}

// until returns when the newest audit entry of a backup was written; "" if it has none.
func until(r backup.Restored) string {
	if r.Until.IsZero() {
		return ""
	}
	return r.Until.Format(time.RFC3339)
}

// useClients says how to do with PostgreSQL's own programs what paddock does with the embedded database alone.
func useClients(p program, what, command string) int {
	fmt.Fprintf(p.stderr, "paddock: the database is PostgreSQL, which has programs of its own for this. To %s, type\n\n  %s\n\n"+
		"with the password in PGPASSWORD or ~/.pgpass; see docs/DATABASE.md\n", what, command)
	return exitUsage
}
