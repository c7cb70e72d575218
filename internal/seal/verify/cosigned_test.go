package verify_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/cosign"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/seal/verify"
	"github.com/paddock-gate/paddock/internal/witness"
	"github.com/paddock-gate/paddock/internal/witness/witnesstest"
)

// TestVerify_Cosigned: what somebody does to the cosigned checkpoint in the database is named.
func TestVerify_Cosigned(t *testing.T) {
	sealtest.EachCosigned(t, func(t *testing.T, c *sealtest.Cosigned) {
		c.Write(t, 5)
		first := c.Seal(t)
		if _, err := c.Check(t); !errors.Is(err, verify.ErrNotCosigned) || !strings.Contains(err.Error(), witnesstest.Name) {
			t.Errorf("not cosigned: %v", err)
		}
		signed := c.MustCosign(t)
		c.Write(t, 5)
		second := c.Seal(t)
		if r, err := c.Check(t); err != nil || r.Cosigned.Size != 5 || r.Size != 10 {
			t.Errorf("an older cosigned one: %+v, %v", r.Cosigned, err)
		}
		put := func(checkpoint string) {
			c.Exec(t, `UPDATE seals SET checkpoint = '`+checkpoint+`' WHERE id = 'witness'`)
		}
		put(strings.TrimSuffix(second, "\n") + "\n" + signed[len(first):])
		if _, err := c.Check(t); !errors.Is(err, witness.ErrCosignature) || !strings.Contains(err.Error(), "checkpoint of 10 entries, "+strings.Split(second, "\n")[2]) {
			t.Errorf("the cosignature of another: %v", err)
		}
		if r, err := c.Check(t, signed); !errors.Is(err, witness.ErrCosignature) || r.Cosigned.Signed != signed {
			t.Errorf("with one that was kept elsewhere: %+v, %v", r.Cosigned, err)
		}
		put(strings.Replace(signed, "\n5\n", "\n6\n", 1))
		if _, err := c.Check(t); !errors.Is(err, checkpoint.ErrSignature) {
			t.Errorf("without the log's signature: %v", err)
		}
		c.Exec(t, `DELETE FROM seals WHERE id = 'witness'`)
		if _, err := c.Check(t); !errors.Is(err, verify.ErrNotCosigned) {
			t.Errorf("deleted: %v", err)
		}
		if r, err := c.Check(t, signed); err != nil || r.Cosigned.Signed != signed {
			t.Errorf("deleted, with one that was kept elsewhere: %+v, %v", r.Cosigned, err)
		}
	})
}

// TestVerify_CosignedForked: whoever has the log's key makes another history, beside which the cosigned checkpoint stays.
func TestVerify_CosignedForked(t *testing.T) {
	sealtest.EachCosigned(t, func(t *testing.T, c *sealtest.Cosigned) {
		c.Write(t, 5)
		c.Seal(t)
		c.MustCosign(t)
		c.Change(t, `UPDATE audit_entries SET detail = 'nothing' WHERE id = '`+c.IDs(t)[2].String()+`'`, `DELETE FROM seals WHERE id = 'audit'`,
			`DELETE FROM seal_tiles`, `INSERT INTO unsealed_entries SELECT id FROM audit_entries`)
		c.Restart(c.Key)
		c.CosignedBy(t, c.Witness)
		c.Seal(t)
		if _, err := c.Verify(t, ""); err != nil {
			t.Fatalf("without the witness's key: %v", err)
		}
		if _, err := c.Check(t); !errors.Is(err, checkpoint.ErrForked) {
			t.Errorf("got %v, want checkpoint.ErrForked", err)
		}
		if _, err := c.Cosign(t); !errors.Is(err, cosign.ErrNotContinued) {
			t.Errorf("the witness: %v, want ErrNotContinued", err)
		}
		c.WantDisputed(t, "no continuation")
	})
}
