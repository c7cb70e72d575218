package verify_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/seal"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/seal/verify"
)

// TestVerify_Truncated: the entries of the last checkpoint, and all that says so in the database, are gone.
func TestVerify_Truncated(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Write(t, 5)
		first := tr.Seal(t)
		ids := tr.IDs(t)
		tr.Write(t, 5)
		second := tr.Seal(t)
		tr.Change(t, `DELETE FROM audit_entries WHERE id > '`+ids[4].String()+`'`, `UPDATE seals SET size = 5, checkpoint = '`+first+`'`)
		tr.WantSound(t, first, 5, 0)
		if _, err := tr.Verify(t, second); !errors.Is(err, checkpoint.ErrTruncated) {
			t.Errorf("got %v, want checkpoint.ErrTruncated", err)
		}
		tr.Exec(t, `DELETE FROM seals`)
		if _, err := tr.Verify(t, second); !errors.Is(err, checkpoint.ErrTruncated) {
			t.Errorf("without a head: got %v, want checkpoint.ErrTruncated", err)
		}
	})
}

// TestVerify_Forked: somebody who has the key has made another history.
func TestVerify_Forked(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Write(t, 5)
		old := tr.Seal(t)
		ids := tr.IDs(t)
		tr.Change(t, `UPDATE audit_entries SET detail = 'nothing' WHERE id = '`+ids[2].String()+`'`, `DELETE FROM seals`, `DELETE FROM seal_tiles`,
			`INSERT INTO unsealed_entries SELECT id FROM audit_entries`)
		other := seal.New(tr.Store, tr.Log, tr.Key)
		if _, err := other.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
		tr.WantSound(t, "", 5, 0)
		if _, err := tr.Verify(t, old); !errors.Is(err, checkpoint.ErrForked) {
			t.Errorf("got %v, want checkpoint.ErrForked", err)
		}
	})
}

// TestVerify_ForkedBetween: of many checkpoints, in any order, the first is named that does not fit the history that somebody has made who
// has the key.
func TestVerify_ForkedBetween(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		var old []string
		for range 4 {
			tr.Write(t, 5)
			old = append(old, tr.Seal(t))
		}
		o := verify.Options{Keys: sealtest.KeysOf(t, tr.Key), Old: verify.Notes(old[2], old[0], old[3], old[1], old[0])}
		if r, err := verify.Trail(t.Context(), tr.Store, o); err != nil || len(r.Findings) > 0 {
			t.Fatalf("sound: %v, %v", r.Findings, err)
		}
		ids := tr.IDs(t)
		tr.Change(t, `UPDATE audit_entries SET detail = 'nothing' WHERE id = '`+ids[7].String()+`'`,
			`DELETE FROM audit_entries WHERE id = '`+ids[19].String()+`'`, `DELETE FROM seals`, `DELETE FROM seal_tiles`,
			`INSERT INTO unsealed_entries SELECT id FROM audit_entries`)
		if _, err := seal.New(tr.Store, tr.Log, tr.Key).Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
		root := strings.Split(old[1], "\n")[2]
		if _, err := verify.Trail(t.Context(), tr.Store, o); !errors.Is(err, checkpoint.ErrForked) || !strings.Contains(err.Error(), "of 10 entries, "+root) ||
			!errors.Is(err, checkpoint.ErrTruncated) || !strings.Contains(err.Error(), "of 20 entries, ") {
			t.Errorf("got %v, want checkpoint.ErrForked of 10 entries, %s, and checkpoint.ErrTruncated of 20", err, root)
		}
		if _, err := tr.Verify(t, old[0]); err != nil {
			t.Errorf("the first checkpoint, before the change: %v", err)
		}
		o.Keys = sealtest.KeysOf(t, sealtest.NewKey(t))
		if _, err := verify.Trail(t.Context(), tr.Store, o); !errors.Is(err, checkpoint.ErrSignature) {
			t.Errorf("with another key: %v, want checkpoint.ErrSignature", err)
		}
	})
}

// TestVerify_ForgedTiles: with an entry its hash was changed, which nobody could sign.
func TestVerify_ForgedTiles(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Write(t, 600)
		tr.Seal(t)
		tile, err := tr.Store.SealTile.Get(t.Context(), "0/000000000001")
		if err != nil {
			t.Fatal(err)
		}
		tr.Change(t, `UPDATE seal_tiles SET data = (SELECT data FROM seal_tiles WHERE id = '0/000000000000') WHERE id = '0/000000000001'`)
		r, err := tr.Verify(t, "")
		if err != nil || len(r.Findings) == 0 {
			t.Fatalf("findings %v, error %v", r.Findings, err)
		}
		var damaged []string
		for _, f := range r.Findings {
			if f.Kind == verify.Damaged {
				damaged = append(damaged, f.String())
			}
		}
		if want := "damaged at position 256: the hashes from there to position 511 are not those that were signed"; len(damaged) != 1 || damaged[0] != want {
			t.Errorf("got %q, want %q", damaged, want)
		}
		if len(tile.Data) != 256*32 {
			t.Errorf("a full tile has %d bytes", len(tile.Data))
		}
		// A changed tile that would be appended to is not signed.
		tr.Exec(t, `UPDATE seal_tiles SET data = (SELECT data FROM seal_tiles WHERE id = '0/000000000000') WHERE id = '0/000000000002'`)
		tr.Write(t, 1)
		tr.Exec(t, `INSERT INTO unsealed_entries SELECT id FROM audit_entries ORDER BY id DESC LIMIT 1`)
		if _, err := tr.Sealer.Seal(t.Context()); err == nil || !strings.Contains(err.Error(), "has been changed") {
			t.Errorf("sealed what was changed: %v", err)
		}
	})
}

func TestVerify_OtherKey(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Write(t, 1)
		old := tr.Seal(t)
		tr.Write(t, 1)
		tr.ExpireTurn(t)
		if signed, err := seal.New(tr.Store, tr.Log, sealtest.NewKey(t)).Seal(t.Context()); !errors.Is(err, checkpoint.ErrSignature) {
			t.Fatalf("a key that does not name the one before goes on: %q, %v; want checkpoint.ErrSignature", signed, err)
		}
		other := sealtest.NewKey(t, tr.Key)
		next := seal.New(tr.Store, tr.Log, other)
		tr.ExpireTurn(t)
		if signed, err := next.Seal(t.Context()); err != nil || signed == "" {
			t.Fatalf("a new key cannot go on: %v", err)
		}
		if _, err := tr.Verify(t, ""); !errors.Is(err, checkpoint.ErrSignature) {
			t.Errorf("got %v, want checkpoint.ErrSignature", err)
		}
		both := verify.Options{Keys: sealtest.KeysOf(t, tr.Key, other), Old: verify.Notes(old)}
		if r, err := verify.Trail(t.Context(), tr.Store, both); err != nil || len(r.Findings) > 0 {
			t.Errorf("with both keys: %v, %v", r.Findings, err)
		}
	})
}
