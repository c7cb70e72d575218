package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/paddock-gate/paddock/internal/config"
	"github.com/paddock-gate/paddock/internal/migrate"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/export"
	"github.com/paddock-gate/paddock/internal/seal/verify"
	"github.com/paddock-gate/paddock/internal/store"
	cosigning "github.com/paddock-gate/paddock/internal/witness"
)

const auditUsage = `usage: paddock audit verify [--checkpoint FILE] [--archive FILE]... [--key PUBLIC] [--witness-key PUBLIC]
       paddock audit export [--since TIME] [--format jsonl|tiles] [--to FOLDER] [--archive FILE]... [--key PUBLIC]
       paddock audit archive FILE
       paddock audit key NAME`

// auditFlags are those of the commands below audit.
type auditFlags struct {
	checkpoint, format, to string
	since                  time.Time
	keys, archives         []string
	witness                string
}

// auditCommand verifies, exports and archives the audit trail, for whoever has the database at hand, beside a running server or not.
func auditCommand(ctx context.Context, p program) int {
	if len(p.args) == 0 {
		p.args = []string{""}
	}
	name := p.args[0]
	f, others, err := parseAuditFlags(name, p)
	switch {
	case err != nil:
		return exitUsage
	case name == "key" && len(others) == 1:
		return printAuditKey(p, others[0])
	case name == "archive" && len(others) == 1:
	case name != "verify" && name != "export", len(others) > 0, f.format != "jsonl" && f.format != "tiles", (f.format == "tiles") != (f.to != ""):
		fmt.Fprintln(p.stderr, auditUsage)
		return exitUsage
	}
	cfg, ok := configureWith(p, config.LoadForMigration)
	if !ok {
		return exitUsage
	}
	keys, err := f.verifiers(cfg)
	if err != nil {
		return fail(p, err)
	}
	s, err := store.Open(ctx, cfg.Database.URL.Reveal(), store.Beside)
	if err != nil {
		return fail(p, err)
	}
	defer s.Close()
	if err := migrate.Check(ctx, s); err != nil {
		return fail(p, err)
	}
	switch name {
	case "archive":
		return archiveAudit(ctx, p, s, cfg, others[0])
	case "verify":
		o, err := f.options(keys, cfg)
		if err != nil {
			return fail(p, err)
		}
		return verifyAudit(ctx, p, s, o, f.checkpoint)
	}
	return exportAudit(ctx, p, s, keys, f)
}

func parseAuditFlags(name string, p program) (f auditFlags, others []string, err error) {
	flags := flag.NewFlagSet("paddock audit "+name, flag.ContinueOnError)
	flags.SetOutput(p.stderr)
	f.format = "jsonl"
	if name == "verify" {
		flags.StringVar(&f.checkpoint, "checkpoint", "", "file with earlier checkpoints, such as the server's log")
		flags.Func("witness-key", "public key of the witness", func(text string) error {
			f.witness = text
			_, err := cosigning.NewKey(text)
			return err
		})
	}
	if name == "export" {
		flags.StringVar(&f.format, "format", f.format, "jsonl or tiles")
		flags.StringVar(&f.to, "to", "", "new folder for tiles")
		flags.Func("since", "2026-11-29 or 2026-11-29T12:00:00Z", func(text string) (err error) {
			if f.since, err = time.Parse(time.DateOnly, text); err != nil {
				f.since, err = time.Parse(time.RFC3339, text)
			}
			return err
		})
	}
	if name == "verify" || name == "export" {
		flags.Func("archive", "file of paddock audit archive", func(text string) error {
			f.archives = append(f.archives, text)
			return nil
		})
		flags.Func("key", "public key that has signed", func(text string) error {
			f.keys = append(f.keys, text)
			_, err := checkpoint.NewVerifiers(text)
			return err
		})
	}
	others, err = parseAround(flags, p.args[1:])
	return f, others, err
}

// verifiers returns the keys of the flags, or else the configured one.
func (f auditFlags) verifiers(cfg config.Config) (checkpoint.Verifiers, error) {
	if len(f.keys) > 0 {
		return checkpoint.NewVerifiers(f.keys...)
	}
	text, err := cfg.AuditKey()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("no key: name the public key with --key, or set AUDIT_SIGNING_KEY, or DATA_DIR to the folder that has the file audit_key")
	}
	if err != nil {
		return nil, err
	}
	key, err := checkpoint.NewKey(text.Reveal())
	if err != nil {
		return nil, err
	}
	return key.Verifiers(), nil
}

// options returns what to verify against, but for earlier checkpoints.
func (f auditFlags) options(keys checkpoint.Verifiers, cfg config.Config) (o verify.Options, err error) {
	const mostReaders = 4 // a pool of one or two connections serves them in time, too
	o = verify.Options{Keys: keys, Archives: f.archives, Readers: min(runtime.NumCPU(), mostReaders)}
	if text := cmp.Or(f.witness, cfg.AuditWitness.Key); text != "" {
		if o.Witness, err = cosigning.NewKey(text); err != nil {
			return o, err
		}
	}
	return o, nil
}

func printAuditKey(p program, name string) int {
	private, public, err := checkpoint.GenerateKey(name)
	if err != nil {
		return fail(p, err)
	}
	fmt.Fprintf(p.stdout, "%s\n%s\n", private, public)
	fmt.Fprintln(p.stderr, "The first line is for AUDIT_SIGNING_KEY: keep it secret, and out of the database. The second is for whoever verifies.")
	return exitOK
}

func verifyAudit(ctx context.Context, p program, s *store.Store, o verify.Options, checkpoints string) int {
	if checkpoints != "" {
		file, err := checkpoint.OpenLog(checkpoints)
		if err != nil {
			return fail(p, err)
		}
		defer file.Close()
		o.Old = file.Checkpoints
	}
	debug.SetGCPercent(gcPercent) // millions of entries are read, and few kept
	began := time.Now()
	r, err := verify.Trail(ctx, s, o)
	for _, found := range r.Findings {
		fmt.Fprintln(p.stdout, found)
	}
	if r.More > 0 {
		fmt.Fprintf(p.stdout, "and %d more\n", r.More)
	}
	if err != nil {
		return fail(p, err)
	}
	if len(r.Findings) > 0 {
		return fail(p, fmt.Errorf("the audit trail is not what was sealed: %d findings", len(r.Findings)+r.More))
	}
	fmt.Fprintf(p.stdout, "%d entries are as they were sealed, %d wait to be; %v\n",
		r.Size-r.Archived+r.Compared, r.Waiting, time.Since(began).Round(time.Millisecond))
	printArchived(p, r)
	newest := r.Signed
	if c := r.Cosigned; c.Signed != "" {
		fmt.Fprintf(p.stdout, "cosigned by %s at %s up to %d\n", c.Witness, c.Time.Format(time.RFC3339), c.Size)
		if c.Size == r.Size {
			newest = c.Signed
		}
	}
	fmt.Fprintf(p.stdout, "\n%s", newest)
	return exitOK
}

func exportAudit(ctx context.Context, p program, s *store.Store, keys checkpoint.Verifiers, f auditFlags) int {
	var (
		n, archived int64
		err         error
	)
	if f.format == "tiles" {
		n, err = export.Tiles(ctx, s, keys, f.to, f.archives...)
	} else {
		n, archived, err = export.Lines(ctx, s, keys, f.since, p.stdout, f.archives...)
	}
	if err != nil {
		return fail(p, err)
	}
	fmt.Fprintf(p.stderr, "%d entries\n", n)
	if archived > 0 {
		fmt.Fprintf(p.stderr, "%d earlier entries are archived, and deleted here; --archive names their files\n", archived)
	}
	return exitOK
}
