package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/paddock-gate/paddock/internal/config"
)

const usage = `Paddock is the gate in front of an organisation's Ollama servers.

Usage: paddock COMMAND

  serve              serve; on PostgreSQL when DB_HOST or DATABASE_URL is set, else on an embedded database
  dev                set everything up on this machine, serve, and say where to go: on LISTEN_ADDR, or when that is not
                     set 8080 or the next free port up to 8083
      --env dev|prod     which checks of the configuration to apply
      --no-frontend      the API alone
      --no-backend       the page alone, for a server that already runs at VITE_API_BASE (http://127.0.0.1:8080)
      --open-browser     open the page and the API's documentation
  migrate [up]       bring the database's schema up to date
  migrate status     tell which migrations are pending; exit code 1 when some are
  seed               make the roles, the first admin and the first API key; print what was newly made
  admin recover EMAIL
                     give a user a new password, and make them an active admin again if they are not; works beside a
                     running server
  audit verify       compare the audit trail with its seal, beside a running server or not: name entries that were changed,
                     deleted, inserted or swapped; exit code 1 when there are some
      --checkpoint FILE  prove that nothing of what an earlier checkpoint had is gone or changed; of a server's log all of them
      --archive FILE     of audit archive: compare the entries with it that are deleted here; may be given several times
      --key …            a public key that has signed; may be given several times; the configured key's unless set
      --witness-key …    the public key of the witness that must have cosigned a checkpoint; the configured one's unless set
  audit export       print the sealed entries, each a line of JSON
      --since …          2026-11-29, or 2026-11-29T12:00:00Z
      --format jsonl|tiles
                         tiles: write the whole log into the new folder --to, as C2SP tlog-tiles lays it out
      --archive FILE     of audit archive, also its entries
      --key …            as for verify
  audit archive FILE write the sealed entries that are in no archive yet into a new file, and their checkpoint into
                     FILE.checkpoint, and read it back; from then on RETAIN_AUDIT may delete these entries; takes the
                     rights of migrate
  audit key NAME     print a new key for AUDIT_SIGNING_KEY, and its public key; NAME says whose log it is: paddock.example.com
  backup FILE        back up the embedded database, while a server runs or not; the file must not exist yet
  restore FILE       put a backup in the place of the embedded database
      --replace          set the database that is there aside
  copy --from URL --to URL
                     copy everything to another database, migrated and empty; without one of them, from or to the
                     configured one
  healthcheck        ask the server on LISTEN_ADDR whether it lives
  check URL          try a running server as an admin, one line a check: sign in with PADDOCK_CHECK_PASSWORD, or use an API key
                     in PADDOCK_CHECK_TOKEN (or …_FILE of either), chat, embed, issue a key and revoke it; exit code 1 when
                     one fails
      --email …          whose password it is (admin@example.com)
      --version …        the version that must run
      --chat-model …, --embed-model …, --timeout 2m
  check --config     check this environment before a deployment: settings, database, schema, Ollama and its models
  version            print the version
  help               print this

Environment:

`

func help(_ context.Context, p program) int {
	fmt.Fprint(p.stdout, usage)
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, v := range config.Vars() {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", v.Name, v.Default, v.Help)
	}
	_ = w.Flush()
	return exitOK
}
