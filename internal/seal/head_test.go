package seal_test

import (
	"errors"
	"testing"

	"github.com/paddock-gate/paddock/internal/seal"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/seal/verify"
)

func TestSeal_DeletedBefore(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Write(t, 3)
		tr.Seal(t)
		tr.Write(t, 2)
		ids := tr.IDs(t)
		tr.Change(t, `DELETE FROM audit_entries WHERE id = '`+ids[3].String()+`'`)
		for _, position := range []int64{-1, 3} {
			r, err := tr.Verify(t, "")
			if err != nil || len(r.Findings) != 1 || r.Findings[0].Kind != verify.Deleted || r.Findings[0].Entry != ids[3] || r.Findings[0].Position != position {
				t.Fatalf("got %v, %v; want the entry deleted at position %d", r.Findings, err, position)
			}
			tr.Seal(t)
		}
	})
}

func TestSeal_HeadLost(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Write(t, 3)
		tr.Seal(t)
		tr.Change(t, `DELETE FROM seals`)
		tr.Write(t, 1)
		tr.Exec(t, `INSERT INTO unsealed_entries SELECT id FROM audit_entries ORDER BY id DESC LIMIT 1`)
		if _, err := tr.Sealer.Seal(t.Context()); !errors.Is(err, checkpoint.ErrTruncated) {
			t.Errorf("the same process: got %v, want checkpoint.ErrTruncated", err)
		}
		if _, err := seal.New(tr.Store, tr.Log, tr.Key).Seal(t.Context()); !errors.Is(err, checkpoint.ErrTruncated) {
			t.Errorf("after a restart: got %v, want checkpoint.ErrTruncated", err)
		}
	})
}
