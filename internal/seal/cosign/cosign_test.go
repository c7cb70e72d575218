package cosign_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/seal/cosign"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/seal/verify"
	"github.com/paddock-gate/paddock/internal/store/storetest"
	"github.com/paddock-gate/paddock/internal/witness"
	"github.com/paddock-gate/paddock/internal/witness/witnesstest"
)

// TestCosign: each checkpoint is cosigned once, kept with the cosignature, and found by those who verify.
func TestCosign(t *testing.T) {
	sealtest.EachCosigned(t, func(t *testing.T, c *sealtest.Cosigned) {
		if signed, err := c.Cosign(t); signed != "" || err != nil {
			t.Fatalf("nothing is sealed: %q, %v", signed, err)
		}
		for i, entries := range []int{1, 1, 5, 30} {
			c.Write(t, entries)
			sealed := c.Seal(t)
			if lag, err := c.Cosigner.Lag(t.Context()); err != nil || lag <= 0 || lag > time.Minute {
				t.Errorf("lag %v, %v", lag, err)
			}
			signed := c.MustCosign(t)
			if !strings.HasPrefix(signed, sealed+"— "+witnesstest.Name+" ") {
				t.Errorf("got %q, want that below %q", signed, sealed)
			}
			r, err := c.Check(t)
			size := []int64{1, 2, 7, 37}[i]
			if err != nil || r.Cosigned.Size != size || r.Cosigned.Signed != signed || r.Cosigned.Witness != witnesstest.Name || time.Since(r.Cosigned.Time) > time.Minute {
				t.Errorf("cosigned %+v, %v; want up to %d", r.Cosigned, err, size)
			}
			if got := c.Witness.Last(sealtest.Origin); got.N != size || got.Hash != r.Root {
				t.Errorf("the witness has %v", got)
			}
			if lag, err := c.Cosigner.Lag(t.Context()); err != nil || lag != 0 {
				t.Errorf("lag %v, %v", lag, err)
			}
		}
		asked, _ := c.Witness.Asked()
		if signed, err := c.Cosign(t); signed != "" || err != nil {
			t.Errorf("asks again: %q, %v", signed, err)
		}
		if again, _ := c.Witness.Asked(); again != asked {
			t.Error("the witness is asked again")
		}
		if _, err := c.Verify(t, ""); err != nil {
			t.Errorf("without the witness's key: %v", err)
		}
	})
}

// TestCosign_Tiles: the proofs are those of trees of several tiles, too.
func TestCosign_Tiles(t *testing.T) {
	tr := sealtest.New(t, storetest.SQLite(t))
	c := tr.CosignedBy(t, witnesstest.Start(t, tr.Key.Public()))
	for _, entries := range []int{255, 1, 1, 255, 188} {
		c.Write(t, entries)
		c.Seal(t)
		c.MustCosign(t)
	}
	if r, err := c.Check(t); err != nil || r.Cosigned.Size != 700 {
		t.Errorf("%+v, %v", r.Cosigned, err)
	}
}

// TestCosign_OtherSize: a process that does not know what the witness has cosigned goes on from what that says.
func TestCosign_OtherSize(t *testing.T) {
	sealtest.EachCosigned(t, func(t *testing.T, c *sealtest.Cosigned) {
		c.Write(t, 5)
		c.Seal(t)
		c.MustCosign(t)
		c.Write(t, 5)
		c.Seal(t)
		for name, statement := range map[string]string{
			"lost":     `DELETE FROM seals WHERE id = 'witness'`,
			"smaller":  `UPDATE seals SET size = 3 WHERE id = 'witness'`,
			"larger":   `UPDATE seals SET size = 900 WHERE id = 'witness'`,
			"negative": `UPDATE seals SET size = -900 WHERE id = 'witness'`,
		} {
			c.Exec(t, statement)
			if signed, err := c.Cosign(t); err != nil || signed == "" {
				t.Errorf("%s: %q, %v", name, signed, err)
			}
		}
		c.Witness.SetLast(sealtest.Origin, tlog.Tree{})
		c.Write(t, 1)
		c.Seal(t)
		c.MustCosign(t)
	})
}

// TestCosign_RolledBack: an older backup is restored, and grows again beyond what the witness has cosigned.
func TestCosign_RolledBack(t *testing.T) {
	sealtest.EachCosigned(t, func(t *testing.T, c *sealtest.Cosigned) {
		c.Write(t, 5)
		c.Seal(t)
		last := c.MustCosign(t)
		c.Witness.SetLast(sealtest.Origin, tlog.Tree{N: 9, Hash: tlog.Hash{1}})
		if signed, err := c.Cosign(t); signed != "" || err != nil {
			t.Fatalf("nothing is new: %q, %v", signed, err)
		}
		c.Restart(c.Key)
		c.CosignedBy(t, c.Witness)
		if signed, err := c.Cosign(t); signed != "" || !errors.Is(err, cosign.ErrRolledBack) || !strings.Contains(err.Error(), "9, and there are 5") {
			t.Fatalf("after a restart: %q, %v", signed, err)
		}
		c.WantDisputed(t, "9, and there are 5")
		c.Write(t, 6)
		c.Seal(t)
		if signed, err := c.Cosign(t); signed != "" || !errors.Is(err, cosign.ErrNotContinued) {
			t.Errorf("grown again: %q, %v", signed, err)
		}
		c.WantDisputed(t, "no continuation")
		if r, _ := c.Check(t); r.Cosigned.Signed != last {
			t.Errorf("the newest cosigned one is %+v", r.Cosigned)
		}
		// The backup that has it all comes back.
		_, root := treeOf(t, last)
		c.Witness.SetLast(sealtest.Origin, tlog.Tree{N: 5, Hash: root})
		c.MustCosign(t)
		if _, err := c.Check(t); err != nil {
			t.Error(err)
		}
	})
}

// TestCosign_SameSize: the witness has cosigned another tree of the same size.
func TestCosign_SameSize(t *testing.T) {
	sealtest.EachCosigned(t, func(t *testing.T, c *sealtest.Cosigned) {
		c.Write(t, 5)
		c.Seal(t)
		c.Witness.SetLast(sealtest.Origin, tlog.Tree{N: 5, Hash: tlog.Hash{1}})
		if signed, err := c.Cosign(t); signed != "" || !errors.Is(err, cosign.ErrNotContinued) {
			t.Fatalf("%q, %v", signed, err)
		}
		c.WantDisputed(t, "no continuation")
	})
}

// treeOf returns the size and root that a checkpoint says.
func treeOf(t testing.TB, signed string) (string, tlog.Hash) {
	t.Helper()
	lines := strings.Split(signed, "\n")
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		t.Fatal(err)
	}
	return lines[1], root
}

// TestCosign_Hostile: what a witness answers that it must not is not kept, and no dispute; the next checkpoint is cosigned as always.
func TestCosign_Hostile(t *testing.T) {
	conflict := func(size string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/x.tlog.size")
			w.WriteHeader(http.StatusConflict)
			fmt.Fprintln(w, size)
		}
	}
	for name, hostile := range map[string]struct {
		handler  http.HandlerFunc
		want     error
		requests int
	}{
		"Away":            {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, witness.ErrAway, 1},
		"Garbage":         {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "garbage") }, witness.ErrAnswer, 1},
		"Refused":         {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, witness.ErrRefused, 1},
		"ConflictGarbage": {conflict("nine"), witness.ErrAnswer, 1},
		"ConflictSmaller": {conflict("3"), witness.ErrAnswer, 2},
		"ConflictSame":    {conflict("5"), witness.ErrAnswer, 2},
		"ConflictZero":    {conflict("0"), witness.ErrAnswer, 2},
	} {
		t.Run(name, func(t *testing.T) {
			sealtest.EachCosigned(t, func(t *testing.T, c *sealtest.Cosigned) {
				c.Write(t, 5)
				c.Seal(t)
				first := c.MustCosign(t)
				c.Write(t, 1)
				c.Seal(t)
				before, _ := c.Witness.Asked()
				c.Witness.Instead(hostile.handler)
				if signed, err := c.Cosign(t); signed != "" || !errors.Is(err, hostile.want) {
					t.Errorf("%q, %v; want %v", signed, err, hostile.want)
				}
				if after, _ := c.Witness.Asked(); after-before != hostile.requests {
					t.Errorf("%d requests, want %d", after-before, hostile.requests)
				}
				if signed, err := c.Cosigner.Cosign(t.Context()); signed != "" || err != nil {
					t.Errorf("asked again at once: %q, %v", signed, err)
				}
				if r, err := c.Check(t); err != nil || r.Cosigned.Signed != first {
					t.Errorf("cosigned: %+v, %v", r.Cosigned, err)
				}
				c.Write(t, 1)
				c.Seal(t)
				c.Witness.Instead(nil)
				c.MustCosign(t)
			})
		})
	}
}

// TestCosign_NewName: a key of another name makes another log of it for the witness, which begins anew; so a dispute is ended on purpose.
func TestCosign_NewName(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		tr := sealtest.New(t, url)
		private, public, err := checkpoint.GenerateKey("example.com/restored")
		if err != nil {
			t.Fatal(err)
		}
		c := tr.CosignedBy(t, witnesstest.Start(t, tr.Key.Public(), public))
		c.Write(t, 5)
		c.Seal(t)
		c.MustCosign(t)
		c.Witness.SetLast(sealtest.Origin, tlog.Tree{N: 9, Hash: tlog.Hash{1}})
		c.Write(t, 1)
		c.Seal(t)
		if _, err := c.Cosign(t); !errors.Is(err, cosign.ErrRolledBack) {
			t.Fatal(err)
		}
		key, err := checkpoint.NewKey(private + " " + tr.Key.Public())
		if err != nil {
			t.Fatal(err)
		}
		tr.Restart(key)
		tr.CosignedBy(t, c.Witness)
		c.ExpireTurn(t)
		c.Write(t, 1)
		c.Seal(t)
		if signed := c.MustCosign(t); !strings.HasPrefix(signed, "example.com/restored\n7\n") {
			t.Errorf("got %q", signed)
		}
		if r, err := verify.Trail(t.Context(), tr.Store, verify.Options{Keys: key.Verifiers(), Witness: c.WitnessKey}); err != nil || r.Cosigned.Size != 7 {
			t.Errorf("%+v, %v", r.Cosigned, err)
		}
	})
}
