package apptest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/apptest"
	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/store/storetest"
	"github.com/paddock-gate/paddock/internal/witness/witnesstest"
)

// TestMetrics_Witness: how long entries wait for the witness, and that it disputes the seal.
func TestMetrics_Witness(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		private, public, err := checkpoint.GenerateKey("paddock.example.com")
		must(t, err)
		w := witnesstest.Start(t, public)
		w.Instead(http.NotFound)
		a := apptest.Start(t, url, apptest.Env{"AUDIT_SIGNING_KEY": private, "AUDIT_WITNESS_URL": w.URL, "AUDIT_WITNESS_KEY": w.Key})
		wait := func(line string, is bool) {
			t.Helper()
			for end := time.Now().Add(30 * time.Second); strings.Contains(metricsOf(t, a), line) != is; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%q: not %v", line, is)
				}
			}
		}
		wait("paddock_audit_witness_lag_seconds 0\n", false)
		wait("paddock_audit_witness_disputes 0\n", true)
		w.Instead(nil)
		wait("paddock_audit_witness_lag_seconds 0\n", true)
		w.SetLast("paddock.example.com", tlog.Tree{N: 1000, Hash: tlog.Hash{1}})
		must(t, audit.Open(a.Store).Record(t.Context(), audit.Event{Type: audit.AccessDenied}))
		wait("paddock_audit_witness_disputes 1\n", true)
	})
}
