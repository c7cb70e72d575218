package sealtest

import (
	"errors"
	"strings"
	"testing"

	"github.com/paddock-gate/paddock/internal/seal/verify"
	"github.com/paddock-gate/paddock/internal/witness"
	"github.com/paddock-gate/paddock/internal/witness/witnesstest"
)

// Origin is the name of the key.
const Origin = "example.com/paddock"

// Cosigned is a trail with a witness.
type Cosigned struct {
	*Trail
	Witness    *witnesstest.Witness
	WitnessKey *witness.Key
}

// EachCosigned runs the test on both databases, each with a witness.
func EachCosigned(t *testing.T, test func(t *testing.T, c *Cosigned)) {
	Each(t, func(t *testing.T, tr *Trail) { test(t, tr.CosignedBy(t, witnesstest.Start(t, tr.Key.Public()))) })
}

// CosignedBy has the trail cosigned by the witness, from now on beside the sealer that it has.
func (tr *Trail) CosignedBy(t testing.TB, w *witnesstest.Witness) *Cosigned {
	t.Helper()
	key, err := witness.NewKey(w.Key)
	if err != nil {
		t.Fatal(err)
	}
	tr.Cosigner = tr.Sealer.SetWitness(witness.NewClient(w.URL, key))
	return &Cosigned{Trail: tr, Witness: w, WitnessKey: key}
}

// Cosign has the newest checkpoint cosigned, whoever has the turn, and returns it.
func (c *Cosigned) Cosign(t testing.TB) (string, error) {
	t.Helper()
	c.ExpireTurn(t)
	return c.Cosigner.Cosign(t.Context())
}

// MustCosign is Cosign, which must not fail.
func (c *Cosigned) MustCosign(t testing.TB) string {
	t.Helper()
	signed, err := c.Cosign(t)
	if err != nil || signed == "" {
		t.Fatalf("not cosigned: %q, %v", signed, err)
	}
	return signed
}

// Check verifies with the witness's key and the old checkpoints.
func (c *Cosigned) Check(t testing.TB, old ...string) (verify.Report, error) {
	t.Helper()
	return verify.Trail(t.Context(), c.Store, verify.Options{Keys: KeysOf(t, c.Key), Witness: c.WitnessKey, Old: verify.Notes(old...)})
}

// WantDisputed fails the test unless the witness disputes the seal, for those who verify and in the metrics.
func (c *Cosigned) WantDisputed(t testing.TB, words string) {
	t.Helper()
	if _, err := c.Check(t); !errors.Is(err, verify.ErrDisputed) || !strings.Contains(err.Error(), words) {
		t.Errorf("verifying: %v, want ErrDisputed with %q", err, words)
	}
	if is, err := c.Cosigner.Disputed(t.Context()); err != nil || !is {
		t.Errorf("disputed: %v, %v", is, err)
	}
}
