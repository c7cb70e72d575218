package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/store/storetest"
	"github.com/paddock-gate/paddock/internal/witness/witnesstest"
)

// TestServe_Witness: what docs/DATABASE.md says about the witness, beside a running server, on both databases.
func TestServe_Witness(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(testing.TB) string{"Embedded": nil, "PostgreSQL": storetest.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			private, public, err := checkpoint.GenerateKey("paddock.example.com")
			if err != nil {
				t.Fatal(err)
			}
			w := witnesstest.Start(t, public)
			env := onItsOwn(t).with(environment{"AUDIT_SIGNING_KEY": private, "AUDIT_WITNESS_URL": w.URL, "AUDIT_WITNESS_KEY": w.Key})
			if database != nil {
				env = env.with(environment{"DATABASE_URL": database(t), "AUTO_MIGRATE": "true"})
			}
			p := start(t, env, "serve")
			p.url(t)
			waitForLog(t, p, "audit trail cosigned")
			log := filepath.Join(t.TempDir(), "paddock.log")
			if err := os.WriteFile(log, []byte(p.stderr.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			const words = "cosigned by " + witnesstest.Name + " at 20"
			if out := mustRun(t, env, "audit", "verify"); !strings.Contains(out, words) || !strings.Contains(out, "Z up to ") {
				t.Errorf("%q", out)
			}
			without := env.with(environment{"AUDIT_WITNESS_URL": "", "AUDIT_WITNESS_KEY": ""})
			if out := mustRun(t, without, "audit", "verify", "--checkpoint", log, "--witness-key", w.Key); !strings.Contains(out, words) {
				t.Errorf("%q", out)
			}
			if code, _, stderr := runCommand(t, without, "audit", "verify", "--witness-key", witnesstest.Start(t).Key); code != exitFailed || !strings.Contains(stderr, "no checkpoint is cosigned by "+witnesstest.Name) {
				t.Errorf("another witness: exit code %d, %q", code, stderr)
			}
			p.stop(t)
			w.SetLast("paddock.example.com", tlog.Tree{N: 1000, Hash: tlog.Hash{1}})
			p = start(t, env, "serve")
			p.url(t)
			waitForLog(t, p, "audit trail is not what the witness has cosigned")
			p.stop(t)
			if code, _, stderr := runCommand(t, env, "audit", "verify"); code != exitFailed ||
				!strings.Contains(stderr, "the witness disputes the seal of the audit trail: the witness has cosigned more entries than are sealed: 1000, and there are ") {
				t.Errorf("after a restore: exit code %d, %q", code, stderr)
			}
		})
	}
}

func waitForLog(t *testing.T, p *process, text string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !strings.Contains(p.stderr.String(), text); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %q in the log: %s", text, p.stderr.String())
		}
	}
}
