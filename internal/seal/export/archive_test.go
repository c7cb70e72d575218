package export_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/seal/archive"
	"github.com/paddock-gate/paddock/internal/seal/export"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
	"github.com/paddock-gate/paddock/internal/seal/verify"
)

func TestArchive(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		if _, err := export.Archive(t.Context(), tr.Store, tr.Log, tr.Key, filepath.Join(t.TempDir(), "x"), ""); !errors.Is(err, verify.ErrNotSealed) {
			t.Errorf("of nothing: %v", err)
		}
		tr.Write(t, 300)
		signed := tr.Seal(t)
		var exported bytes.Buffer
		if _, _, err := export.Lines(t.Context(), tr.Store, sealtest.KeysOf(t, tr.Key), time.Time{}, &exported); err != nil {
			t.Fatal(err)
		}
		first, done := tr.Archive(t)
		text, err := os.ReadFile(first)
		if err != nil || !bytes.Equal(text, exported.Bytes()) || done.SHA256 != sha256.Sum256(text) || done.First != 0 || done.Size != 300 {
			t.Errorf("%+v, %v, %d bytes; exported %d", done, err, len(text), exported.Len())
		}
		if text, err := os.ReadFile(done.Checkpoint); string(text) != signed || err != nil {
			t.Errorf("checkpoint %q, %v", text, err)
		}
		if _, err := export.Archive(t.Context(), tr.Store, tr.Log, tr.Key, first, ""); !errors.Is(err, export.ErrAllArchived) {
			t.Errorf("again: %v", err)
		}
		tr.Seal(t) // the entry that tells of it
		if _, err := export.Archive(t.Context(), tr.Store, tr.Log, tr.Key, first, ""); !errors.Is(err, fs.ErrExist) {
			t.Errorf("over a file that exists: %v", err)
		}
		second, done := tr.Archive(t)
		text, err = os.ReadFile(second)
		if err != nil || done.First != 300 || done.Size != 301 || !strings.Contains(string(text), "audit entries at positions 0 to 299 archived in a file with SHA-256 ") ||
			!strings.Contains(string(text), "by root on db1") {
			t.Errorf("%+v, %v, %s", done, err, text)
		}
		tr.WantArchived(t, 0, second, first)
	})
}

// TestArchive_Fails: what cannot be recorded leaves no file, and nothing to be deleted; a file that is not recorded, as after kill -9,
// stands in nobody's way.
func TestArchive_Fails(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.WriteOld(t, 10, time.Now().Add(-100*sealtest.Day))
		tr.Seal(t)
		refuse := []string{`CREATE TRIGGER refuse BEFORE INSERT ON audit_archives BEGIN SELECT RAISE(ABORT, 'refused'); END`}
		allow := `DROP TRIGGER refuse`
		if !tr.Store.Embedded() {
			refuse = []string{
				`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''refused''; END'`,
				`CREATE TRIGGER refuse BEFORE INSERT ON audit_archives FOR EACH ROW EXECUTE FUNCTION refuse()`,
			}
			allow = `DROP TRIGGER refuse ON audit_archives`
		}
		tr.Exec(t, refuse...)
		file := filepath.Join(t.TempDir(), "audit.jsonl")
		if _, err := export.Archive(t.Context(), tr.Store, tr.Log, tr.Key, file, ""); err == nil {
			t.Error("archived without a record")
		}
		if left, err := filepath.Glob(file + "*"); len(left) > 0 || err != nil {
			t.Errorf("left %v, %v", left, err)
		}
		if n := tr.Retain(t, 90, 1000); n != 0 {
			t.Errorf("%d deleted without an archive", n)
		}
		tr.Exec(t, allow)
		tr.WantSound(t, "", 10, 0)
		kept, _ := tr.Archive(t)
		if n := tr.Retain(t, 90, 1000); n != 10 {
			t.Errorf("%d deleted, want 10", n)
		}
		tr.WantArchived(t, 10, kept)
	})
}

// TestArchive_Twice: of two at once one is recorded, and the other leaves nothing.
func TestArchive_Twice(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Write(t, 600)
		tr.Seal(t)
		const together = 4
		dir, failed := t.TempDir(), make(chan error)
		for i := range together {
			go func() {
				_, err := export.Archive(t.Context(), tr.Store, tr.Log, tr.Key, filepath.Join(dir, fmt.Sprintf("%d.jsonl", i)), "")
				failed <- err
			}()
		}
		done := 0
		for range together {
			switch err := <-failed; {
			case err == nil:
				done++
			case !errors.Is(err, archive.ErrMeanwhile) && !errors.Is(err, export.ErrAllArchived):
				t.Error(err)
			}
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
		if done != 1 || len(files) != 1 || err != nil {
			t.Fatalf("%d archives, files %v, %v", done, files, err)
		}
		tr.Seal(t)
		tr.WantSound(t, "", 601, 0)
		tr.WantArchived(t, 0, files...)
	})
}

// TestArchive_Changed: what is not as it was sealed is not archived.
func TestArchive_Changed(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.Write(t, 10)
		tr.Seal(t)
		tr.Change(t, `UPDATE audit_entries SET detail = 'nothing' WHERE id = '`+tr.IDs(t)[4].String()+`'`)
		file := filepath.Join(t.TempDir(), "audit.jsonl")
		if _, err := export.Archive(t.Context(), tr.Store, tr.Log, tr.Key, file, ""); err == nil || !strings.Contains(err.Error(), "changed entry") {
			t.Errorf("archived what was changed: %v", err)
		}
		if _, err := os.Stat(file); err == nil {
			t.Error("left a file")
		}
	})
}
