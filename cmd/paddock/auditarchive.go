package main

import (
	"context"
	"fmt"

	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/export"
	"github.com/paddock-gate/paddock/internal/seal/verify"
	"github.com/paddock-gate/paddock/internal/store"
)

// archiveAudit puts the entries that are not archived yet into a file, so that RETAIN_AUDIT lets servers delete them.
func archiveAudit(ctx context.Context, p program, s *store.Store, cfg config.Config, file string) int {
	text, err := cfg.AuditKey()
	if err != nil {
		return fail(p, err)
	}
	key, err := checkpoint.NewKey(text.Reveal())
	if err != nil {
		return fail(p, err)
	}
	done, err := export.Archive(ctx, s, audit.Open(s), key, file, operator(p))
	if err != nil {
		return fail(p, err)
	}
	fmt.Fprintf(p.stdout, "%s: %d entries, at positions %d to %d, read back and compared\nSHA-256 %x\n%s: the checkpoint\n",
		file, done.Size-done.First, done.First, done.Size-1, done.SHA256, done.Checkpoint)
	fmt.Fprintln(p.stderr, "Keep both files: RETAIN_AUDIT, where it is set, deletes these entries from the database when they are old enough.")
	return exitOK
}

// printArchived tells which archives there are, how many entries are in them alone, and how many of these were not compared.
func printArchived(p program, r verify.Report) {
	for _, a := range r.Archives {
		fmt.Fprintf(p.stdout, "archived: entries at positions %d to %d, in a file with SHA-256 %x\n", a.First, a.Tree.N-1, a.File)
	}
	switch left := r.Archived - r.Compared; {
	case left > 0:
		fmt.Fprintf(p.stdout, "%d entries were not compared: they are archived, and deleted here; --archive names their files\n", left)
	case r.Archived > 0:
		fmt.Fprintf(p.stdout, "%d of them are archived, and deleted here\n", r.Archived)
	}
}
