package seal_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paddock-gate/paddock/internal/seal"
	"github.com/paddock-gate/paddock/internal/seal/checkpoint"
	"github.com/paddock-gate/paddock/internal/store/storetest"
	"github.com/paddock-gate/paddock/internal/witness"
	"github.com/paddock-gate/paddock/internal/witness/witnesstest"
)

const origin = "example.com/paddock"

// cosigned is a trail with a witness.
type cosigned struct {
	*trail
	witness *witnesstest.Witness
	key     *witness.Key
}

func eachCosigned(t *testing.T, test func(t *testing.T, c *cosigned)) {
	each(t, func(t *testing.T, tr *trail) { test(t, tr.cosignedBy(t, witnesstest.Start(t, tr.key.Public()))) })
}

func (tr *trail) cosignedBy(t testing.TB, w *witnesstest.Witness) *cosigned {
	t.Helper()
	key, err := witness.NewKey(w.Key)
	if err != nil {
		t.Fatal(err)
	}
	tr.sealer.SetWitness(witness.NewClient(w.URL, key))
	return &cosigned{trail: tr, witness: w, key: key}
}

// cosign has the newest checkpoint cosigned, whoever has the turn, and returns it.
func (c *cosigned) cosign(t testing.TB) (string, error) {
	t.Helper()
	c.expireTurn(t)
	return c.sealer.Cosign(t.Context())
}

func (c *cosigned) mustCosign(t testing.TB) string {
	t.Helper()
	signed, err := c.cosign(t)
	if err != nil || signed == "" {
		t.Fatalf("not cosigned: %q, %v", signed, err)
	}
	return signed
}

// check verifies with the witness's key and the old checkpoints.
func (c *cosigned) check(t testing.TB, old ...string) (seal.Report, error) {
	t.Helper()
	return seal.Verify(t.Context(), c.store, seal.Options{Keys: keysOf(t, c.trail.key), Witness: c.key, Old: seal.Notes(old...)})
}

// wantDisputed fails the test unless the witness disputes the seal, for those who verify and in the metrics.
func (c *cosigned) wantDisputed(t testing.TB, words string) {
	t.Helper()
	if _, err := c.check(t); !errors.Is(err, seal.ErrDisputed) || !strings.Contains(err.Error(), words) {
		t.Errorf("verifying: %v, want ErrDisputed with %q", err, words)
	}
	if is, err := c.sealer.Disputed(t.Context()); err != nil || !is {
		t.Errorf("disputed: %v, %v", is, err)
	}
}

// TestCosign: each checkpoint is cosigned once, kept with the cosignature, and found by those who verify.
func TestCosign(t *testing.T) {
	eachCosigned(t, func(t *testing.T, c *cosigned) {
		if signed, err := c.cosign(t); signed != "" || err != nil {
			t.Fatalf("nothing is sealed: %q, %v", signed, err)
		}
		for i, entries := range []int{1, 1, 5, 30} {
			c.write(t, entries)
			sealed := c.seal(t)
			if lag, err := c.sealer.CosignLag(t.Context()); err != nil || lag <= 0 || lag > time.Minute {
				t.Errorf("lag %v, %v", lag, err)
			}
			signed := c.mustCosign(t)
			if !strings.HasPrefix(signed, sealed+"— "+witnesstest.Name+" ") {
				t.Errorf("got %q, want that below %q", signed, sealed)
			}
			r, err := c.check(t)
			size := []int64{1, 2, 7, 37}[i]
			if err != nil || r.Cosigned.Size != size || r.Cosigned.Signed != signed || r.Cosigned.Witness != witnesstest.Name || time.Since(r.Cosigned.Time) > time.Minute {
				t.Errorf("cosigned %+v, %v; want up to %d", r.Cosigned, err, size)
			}
			if got := c.witness.Last(origin); got.N != size || got.Hash != r.Root {
				t.Errorf("the witness has %v", got)
			}
			if lag, err := c.sealer.CosignLag(t.Context()); err != nil || lag != 0 {
				t.Errorf("lag %v, %v", lag, err)
			}
		}
		asked, _ := c.witness.Asked()
		if signed, err := c.cosign(t); signed != "" || err != nil {
			t.Errorf("asks again: %q, %v", signed, err)
		}
		if again, _ := c.witness.Asked(); again != asked {
			t.Error("the witness is asked again")
		}
		if _, err := c.verify(t, ""); err != nil {
			t.Errorf("without the witness's key: %v", err)
		}
	})
}

// TestCosign_Tiles: the proofs are those of trees of several tiles, too.
func TestCosign_Tiles(t *testing.T) {
	tr := newTrail(t, storetest.SQLite(t))
	c := tr.cosignedBy(t, witnesstest.Start(t, tr.key.Public()))
	for _, entries := range []int{255, 1, 1, 255, 188} {
		c.write(t, entries)
		c.seal(t)
		c.mustCosign(t)
	}
	if r, err := c.check(t); err != nil || r.Cosigned.Size != 700 {
		t.Errorf("%+v, %v", r.Cosigned, err)
	}
}

// TestCosign_OtherSize: a process that does not know what the witness has cosigned goes on from what that says.
func TestCosign_OtherSize(t *testing.T) {
	eachCosigned(t, func(t *testing.T, c *cosigned) {
		c.write(t, 5)
		c.seal(t)
		c.mustCosign(t)
		c.write(t, 5)
		c.seal(t)
		for name, statement := range map[string]string{
			"lost":     `DELETE FROM seals WHERE id = 'witness'`,
			"smaller":  `UPDATE seals SET size = 3 WHERE id = 'witness'`,
			"larger":   `UPDATE seals SET size = 900 WHERE id = 'witness'`,
			"negative": `UPDATE seals SET size = -900 WHERE id = 'witness'`,
		} {
			c.exec(t, statement)
			if signed, err := c.cosign(t); err != nil || signed == "" {
				t.Errorf("%s: %q, %v", name, signed, err)
			}
		}
		c.witness.SetLast(origin, tlog.Tree{})
		c.write(t, 1)
		c.seal(t)
		c.mustCosign(t)
	})
}

// TestCosign_RolledBack: an older backup is restored, and grows again beyond what the witness has cosigned.
func TestCosign_RolledBack(t *testing.T) {
	eachCosigned(t, func(t *testing.T, c *cosigned) {
		c.write(t, 5)
		c.seal(t)
		last := c.mustCosign(t)
		c.witness.SetLast(origin, tlog.Tree{N: 9, Hash: tlog.Hash{1}})
		if signed, err := c.cosign(t); signed != "" || err != nil {
			t.Fatalf("nothing is new: %q, %v", signed, err)
		}
		restored := seal.New(c.store, c.log, c.trail.key)
		c.sealer = restored
		c.cosignedBy(t, c.witness)
		if signed, err := c.cosign(t); signed != "" || !errors.Is(err, seal.ErrRolledBack) || !strings.Contains(err.Error(), "9, and there are 5") {
			t.Fatalf("after a restart: %q, %v", signed, err)
		}
		c.wantDisputed(t, "9, and there are 5")
		c.write(t, 6)
		c.seal(t)
		if signed, err := c.cosign(t); signed != "" || !errors.Is(err, seal.ErrNotContinued) {
			t.Errorf("grown again: %q, %v", signed, err)
		}
		c.wantDisputed(t, "no continuation")
		if r, _ := c.check(t); r.Cosigned.Signed != last {
			t.Errorf("the newest cosigned one is %+v", r.Cosigned)
		}
		// The backup that has it all comes back.
		_, root := treeOf(t, last)
		c.witness.SetLast(origin, tlog.Tree{N: 5, Hash: root})
		c.mustCosign(t)
		if _, err := c.check(t); err != nil {
			t.Error(err)
		}
	})
}

// TestCosign_SameSize: the witness has cosigned another tree of the same size.
func TestCosign_SameSize(t *testing.T) {
	eachCosigned(t, func(t *testing.T, c *cosigned) {
		c.write(t, 5)
		c.seal(t)
		c.witness.SetLast(origin, tlog.Tree{N: 5, Hash: tlog.Hash{1}})
		if signed, err := c.cosign(t); signed != "" || !errors.Is(err, seal.ErrNotContinued) {
			t.Fatalf("%q, %v", signed, err)
		}
		c.wantDisputed(t, "no continuation")
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
			eachCosigned(t, func(t *testing.T, c *cosigned) {
				c.write(t, 5)
				c.seal(t)
				first := c.mustCosign(t)
				c.write(t, 1)
				c.seal(t)
				before, _ := c.witness.Asked()
				c.witness.Instead(hostile.handler)
				if signed, err := c.cosign(t); signed != "" || !errors.Is(err, hostile.want) {
					t.Errorf("%q, %v; want %v", signed, err, hostile.want)
				}
				if after, _ := c.witness.Asked(); after-before != hostile.requests {
					t.Errorf("%d requests, want %d", after-before, hostile.requests)
				}
				if signed, err := c.sealer.Cosign(t.Context()); signed != "" || err != nil {
					t.Errorf("asked again at once: %q, %v", signed, err)
				}
				if r, err := c.check(t); err != nil || r.Cosigned.Signed != first {
					t.Errorf("cosigned: %+v, %v", r.Cosigned, err)
				}
				c.write(t, 1)
				c.seal(t)
				c.witness.Instead(nil)
				c.mustCosign(t)
			})
		})
	}
}

// TestVerify_Cosigned: what somebody does to the cosigned checkpoint in the database is named.
func TestVerify_Cosigned(t *testing.T) {
	eachCosigned(t, func(t *testing.T, c *cosigned) {
		c.write(t, 5)
		first := c.seal(t)
		if _, err := c.check(t); !errors.Is(err, seal.ErrNotCosigned) || !strings.Contains(err.Error(), witnesstest.Name) {
			t.Errorf("not cosigned: %v", err)
		}
		signed := c.mustCosign(t)
		c.write(t, 5)
		second := c.seal(t)
		if r, err := c.check(t); err != nil || r.Cosigned.Size != 5 || r.Size != 10 {
			t.Errorf("an older cosigned one: %+v, %v", r.Cosigned, err)
		}
		put := func(checkpoint string) {
			c.exec(t, `UPDATE seals SET checkpoint = '`+checkpoint+`' WHERE id = 'witness'`)
		}
		put(strings.TrimSuffix(second, "\n") + "\n" + signed[len(first):])
		if _, err := c.check(t); !errors.Is(err, witness.ErrCosignature) || !strings.Contains(err.Error(), "checkpoint of 10 entries, "+strings.Split(second, "\n")[2]) {
			t.Errorf("the cosignature of another: %v", err)
		}
		if r, err := c.check(t, signed); !errors.Is(err, witness.ErrCosignature) || r.Cosigned.Signed != signed {
			t.Errorf("with one that was kept elsewhere: %+v, %v", r.Cosigned, err)
		}
		put(strings.Replace(signed, "\n5\n", "\n6\n", 1))
		if _, err := c.check(t); !errors.Is(err, checkpoint.ErrSignature) {
			t.Errorf("without the log's signature: %v", err)
		}
		c.exec(t, `DELETE FROM seals WHERE id = 'witness'`)
		if _, err := c.check(t); !errors.Is(err, seal.ErrNotCosigned) {
			t.Errorf("deleted: %v", err)
		}
		if r, err := c.check(t, signed); err != nil || r.Cosigned.Signed != signed {
			t.Errorf("deleted, with one that was kept elsewhere: %+v, %v", r.Cosigned, err)
		}
	})
}

// TestVerify_CosignedForked: whoever has the log's key makes another history, beside which the cosigned checkpoint stays.
func TestVerify_CosignedForked(t *testing.T) {
	eachCosigned(t, func(t *testing.T, c *cosigned) {
		c.write(t, 5)
		c.seal(t)
		c.mustCosign(t)
		c.change(t, `UPDATE audit_entries SET detail = 'nothing' WHERE id = '`+c.ids(t)[2].String()+`'`, `DELETE FROM seals WHERE id = 'audit'`,
			`DELETE FROM seal_tiles`, `INSERT INTO unsealed_entries SELECT id FROM audit_entries`)
		c.sealer = seal.New(c.store, c.log, c.trail.key)
		c.cosignedBy(t, c.witness)
		c.seal(t)
		if _, err := c.verify(t, ""); err != nil {
			t.Fatalf("without the witness's key: %v", err)
		}
		if _, err := c.check(t); !errors.Is(err, checkpoint.ErrForked) {
			t.Errorf("got %v, want checkpoint.ErrForked", err)
		}
		if _, err := c.cosign(t); !errors.Is(err, seal.ErrNotContinued) {
			t.Errorf("the witness: %v, want ErrNotContinued", err)
		}
		c.wantDisputed(t, "no continuation")
	})
}

// TestExportTiles_Cosigned: the export has the cosignature.
func TestExportTiles_Cosigned(t *testing.T) {
	eachCosigned(t, func(t *testing.T, c *cosigned) {
		c.write(t, 20)
		c.seal(t)
		signed := c.mustCosign(t)
		export := func() string {
			dir := filepath.Join(t.TempDir(), "log")
			if _, err := seal.ExportTiles(t.Context(), c.store, keysOf(t, c.trail.key), dir); err != nil {
				t.Fatal(err)
			}
			return dir
		}
		dir := export()
		if text, err := os.ReadFile(filepath.Join(dir, "checkpoint")); err != nil || string(text) != signed {
			t.Errorf("got %q, %v; want %q", text, err, signed)
		}
		checkTiles(t, dir, c.trail.key.Public(), 20)
		c.write(t, 1)
		newer := c.seal(t)
		dir = export()
		for name, want := range map[string]string{"checkpoint": newer, "checkpoint.cosigned": signed} {
			if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != want {
				t.Errorf("%s: got %q, %v; want %q", name, text, err, want)
			}
		}
	})
}

// TestCosign_NewName: a key of another name makes another log of it for the witness, which begins anew; so a dispute is ended on purpose.
func TestCosign_NewName(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		tr := newTrail(t, url)
		private, public, err := checkpoint.GenerateKey("example.com/restored")
		if err != nil {
			t.Fatal(err)
		}
		c := tr.cosignedBy(t, witnesstest.Start(t, tr.key.Public(), public))
		c.write(t, 5)
		c.seal(t)
		c.mustCosign(t)
		c.witness.SetLast(origin, tlog.Tree{N: 9, Hash: tlog.Hash{1}})
		c.write(t, 1)
		c.seal(t)
		if _, err := c.cosign(t); !errors.Is(err, seal.ErrRolledBack) {
			t.Fatal(err)
		}
		key, err := checkpoint.NewKey(private + " " + tr.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		tr.sealer = seal.New(tr.store, tr.log, key)
		tr.cosignedBy(t, c.witness)
		c.expireTurn(t)
		c.write(t, 1)
		c.seal(t)
		if signed := c.mustCosign(t); !strings.HasPrefix(signed, "example.com/restored\n7\n") {
			t.Errorf("got %q", signed)
		}
		if r, err := seal.Verify(t.Context(), tr.store, seal.Options{Keys: key.Verifiers(), Witness: c.key}); err != nil || r.Cosigned.Size != 7 {
			t.Errorf("%+v, %v", r.Cosigned, err)
		}
	})
}
