package export_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/seal/archive"
	"github.com/paddock-gate/paddock/internal/seal/export"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/store/storetest"
)

// TestArchive_AnswerLost: the files stay when the archive is recorded, or may be, though the answer to the commit was lost.
func TestArchive_AnswerLost(t *testing.T) {
	for name, then := range map[string]storetest.Fault{"comes back": {}, "is away": {Blackhole: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := storetest.NewCluster(t)
			tr := sealtest.New(t, cluster.Database(t))
			tr.Write(t, 20)
			tr.Seal(t)
			proxy := cluster.Proxy(t)
			s := storetest.Open(t, proxy.Through(t, tr.URL))
			var lost atomic.Bool
			proxy.Set(storetest.Fault{Answer: func(said []byte) bool {
				if !bytes.Contains(said, []byte("COMMIT\x00")) || lost.Swap(true) {
					return true
				}
				proxy.Set(then)
				return false
			}})
			file := filepath.Join(t.TempDir(), "a.jsonl")
			_, err := export.Archive(t.Context(), s, audit.Open(s), tr.Key, file, "")
			if then.Blackhole != errors.Is(err, export.ErrUnsure) || !then.Blackhole && err != nil {
				t.Errorf("archiving: %v", err)
			}
			if recorded, _, err := archive.Read(t.Context(), tr.Store, tr.Key.Verifiers()); len(recorded) != 1 || err != nil || !lost.Load() {
				t.Fatalf("recorded: %v, %v", recorded, err)
			}
			if f, err := archive.Open(file); err != nil {
				t.Errorf("the file of the archive that is recorded: %v", err)
			} else {
				f.Close()
			}
		})
	}
}
