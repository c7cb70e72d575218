package seal_test

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/seal"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
)

// TestVerify_CheckpointsAcrossTiles: checkpoints of all sizes around the ends of tiles are compared, in either order.
func TestVerify_CheckpointsAcrossTiles(t *testing.T) {
	each(t, func(t *testing.T, tr *trail) {
		var up, down []string
		for _, n := range []int{1, 254, 1, 1, 254, 1, 1, 87} {
			tr.write(t, n)
			signed := tr.seal(t)
			up, down = append(up, signed), append([]string{signed}, down...)
		}
		for _, old := range [][]string{up, down} {
			r, err := seal.Verify(t.Context(), tr.store, seal.Options{Keys: keysOf(t, tr.key), Old: seal.Notes(old...)})
			if err != nil || len(r.Findings) > 0 {
				t.Errorf("sound: %v, %v", r.Findings, err)
			}
		}
	})
}

// TestVerify_CheckpointsOfDamagedTiles: checkpoints that cannot be compared, since hashes were changed, hide none that can: the change is
// named as without them.
func TestVerify_CheckpointsOfDamagedTiles(t *testing.T) {
	each(t, func(t *testing.T, tr *trail) {
		var old []string
		for range 3 {
			tr.write(t, 200)
			old = append(old, tr.seal(t))
		}
		tr.change(t, `UPDATE seal_tiles SET data = (SELECT data FROM seal_tiles WHERE id = '0/000000000000') WHERE id = '0/000000000001'`)
		r, err := seal.Verify(t.Context(), tr.store, seal.Options{Keys: keysOf(t, tr.key), Old: seal.Notes(old...)})
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
	each(t, func(t *testing.T, tr *trail) {
		tr.write(t, 300)
		signed := tr.seal(t)
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
		r, err := seal.Verify(t.Context(), tr.store, seal.Options{Keys: keysOf(t, tr.key), Old: old})
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
	each(t, func(t *testing.T, tr *trail) {
		tr.write(t, 1)
		signed, broken := tr.seal(t), errors.New("read error")
		old := func(yield func([]byte, error) bool) { _ = yield([]byte(signed), nil) && yield(nil, broken) }
		if _, err := seal.Verify(t.Context(), tr.store, seal.Options{Keys: keysOf(t, tr.key), Old: old}); !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
		forged := strings.Replace(signed, "\n1\n", "\n2\n", 1)
		_, err := seal.Verify(t.Context(), tr.store, seal.Options{Keys: keysOf(t, tr.key), Old: seal.Notes(signed, forged)})
		if !errors.Is(err, checkpoint.ErrSignature) || !strings.Contains(err.Error(), "checkpoint 2: ") {
			t.Errorf("got %v, want checkpoint.ErrSignature of checkpoint 2", err)
		}
	})
}
