package verify_test

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/seal/verify"
)

// TestVerify_CheckpointsAcrossTiles: checkpoints of all sizes around the ends of tiles are compared, in either order.
func TestVerify_CheckpointsAcrossTiles(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		var up, down []string
		for _, n := range []int{1, 254, 1, 1, 254, 1, 1, 87} {
			tr.Write(t, n)
			signed := tr.Seal(t)
			up, down = append(up, signed), append([]string{signed}, down...)
		}
		for _, old := range [][]string{up, down} {
			r, err := verify.Trail(t.Context(), tr.Store, verify.Options{Keys: sealtest.KeysOf(t, tr.Key), Old: verify.Notes(old...)})
			if err != nil || len(r.Findings) > 0 {
				t.Errorf("sound: %v, %v", r.Findings, err)
			}
		}
	})
}

// TestVerify_CheckpointsOfDamagedTiles: checkpoints that cannot be compared, since hashes were changed, hide none that can: the change is
// named as without them.
func TestVerify_CheckpointsOfDamagedTiles(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		var old []string
		for range 3 {
			tr.Write(t, 200)
			old = append(old, tr.Seal(t))
		}
		tr.Change(t, `UPDATE seal_tiles SET data = (SELECT data FROM seal_tiles WHERE id = '0/000000000000') WHERE id = '0/000000000001'`)
		r, err := verify.Trail(t.Context(), tr.Store, verify.Options{Keys: sealtest.KeysOf(t, tr.Key), Old: verify.Notes(old...)})
		if err != nil || r.Fault() == "" {
			t.Errorf("got %v, %v; want findings", r.Findings, err)
		}
	})
}

// TestVerify_ManyCheckpoints reads the checkpoints of a log of weeks: none is kept.
func TestVerify_ManyCheckpoints(t *testing.T) {
	n := 3_000
	if os.Getenv("PADDOCK_PROOF") == "full" {
		n = 200_000
	}
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Write(t, 300)
		signed := tr.Seal(t)
		var before, after runtime.MemStats
		old := func(yield func([]byte, error) bool) {
			for i := range n {
				if i == n/10 {
					runtime.GC()
					runtime.ReadMemStats(&before)
				}
				if !yield([]byte(signed), nil) {
					return
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
		}
		r, err := verify.Trail(t.Context(), tr.Store, verify.Options{Keys: sealtest.KeysOf(t, tr.Key), Old: old})
		if err != nil || len(r.Findings) > 0 {
			t.Fatalf("sound: %v, %v", r.Findings, err)
		}
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 64<<10 {
			t.Errorf("%d checkpoints take %d KiB", n, grown>>10)
		}
	})
}

// TestVerify_UnreadableCheckpoints: a file that cannot be read to its end was not compared.
func TestVerify_UnreadableCheckpoints(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Write(t, 1)
		signed, broken := tr.Seal(t), errors.New("read error")
		old := func(yield func([]byte, error) bool) { _ = yield([]byte(signed), nil) && yield(nil, broken) }
		if _, err := verify.Trail(t.Context(), tr.Store, verify.Options{Keys: sealtest.KeysOf(t, tr.Key), Old: old}); !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
		forged := strings.Replace(signed, "\n1\n", "\n2\n", 1)
		_, err := verify.Trail(t.Context(), tr.Store, verify.Options{Keys: sealtest.KeysOf(t, tr.Key), Old: verify.Notes(signed, forged)})
		if !errors.Is(err, checkpoint.ErrSignature) || !strings.Contains(err.Error(), "checkpoint 2: ") {
			t.Errorf("got %v, want checkpoint.ErrSignature of checkpoint 2", err)
		}
	})
}
