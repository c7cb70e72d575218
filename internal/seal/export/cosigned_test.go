package export_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/paddock-gate/paddock/internal/seal/export"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
)

// TestExportTiles_Cosigned: the export has the cosignature.
func TestExportTiles_Cosigned(t *testing.T) {
	sealtest.EachCosigned(t, func(t *testing.T, c *sealtest.Cosigned) {
		c.Write(t, 20)
		c.Seal(t)
		signed := c.MustCosign(t)
		exported := func() string {
			dir := filepath.Join(t.TempDir(), "log")
			if _, err := export.Tiles(t.Context(), c.Store, sealtest.KeysOf(t, c.Key), dir); err != nil {
				t.Fatal(err)
			}
			return dir
		}
		dir := exported()
		if text, err := os.ReadFile(filepath.Join(dir, "checkpoint")); err != nil || string(text) != signed {
			t.Errorf("got %q, %v; want %q", text, err, signed)
		}
		sealtest.CheckTiles(t, dir, c.Key.Public(), 20)
		c.Write(t, 1)
		newer := c.Seal(t)
		dir = exported()
		for name, want := range map[string]string{"checkpoint": newer, "checkpoint.cosigned": signed} {
			if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != want {
				t.Errorf("%s: got %q, %v; want %q", name, text, err, want)
			}
		}
	})
}
