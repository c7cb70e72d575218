package archive_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-gate/paddock/internal/audit"
	"github.com/paddock-gate/paddock/internal/seal/archive"
	"github.com/paddock-gate/paddock/internal/seal/export"
	"github.com/paddock-gate/paddock/internal/seal/sealtest"
)

func TestDeleteArchived(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.WriteOld(t, 600, time.Now().Add(-100*sealtest.Day))
		tr.WriteOld(t, 5, time.Now().Add(-80*sealtest.Day))
		tr.Write(t, 3)
		old := tr.Seal(t)
		if n := tr.Retain(t, 90, 1000); n != 0 {
			t.Fatalf("%d deleted that are not archived", n)
		}
		first, _ := tr.Archive(t)
		tr.WriteOld(t, 4, time.Now().Add(-100*sealtest.Day)) // after the archive
		tr.Seal(t)
		if n := tr.Retain(t, 90, 300); n != 512 { // up to the end of a tile
			t.Errorf("%d deleted at once, want 512", n)
		}
		tr.WantArchived(t, 512, first)
		if n := tr.Retain(t, 90, 300); n != 88 {
			t.Errorf("%d deleted then, want the 88 that are left", n)
		}
		if n := tr.Retain(t, 90, 300); n != 0 {
			t.Errorf("%d deleted that are younger, or not archived", n)
		}
		tr.Seal(t)
		tr.WantSound(t, old, 600+5+3+1+4+1, 0) // one tells of the archive, one of the deletion
		tr.WantArchived(t, 600, first)

		second, _ := tr.Archive(t)
		tr.Restart(tr.Key)
		if n := tr.Retain(t, 70, 1000); n != 9 {
			t.Errorf("%d deleted after the second archive, want 9", n)
		}
		tr.ExpireTurn(t)
		tr.Seal(t)
		tr.WantArchived(t, 609, second, first)
		r, err := tr.VerifyWith(t, second)
		if err != nil || len(r.Findings) > 0 || r.Compared != 4 {
			t.Errorf("with one of two: %d compared, %v, %v", r.Compared, r.Findings, err)
		}
		wantTold(t, tr, 90, 70)
		wantExports(t, tr, 609, second, first)
	})
}

// wantTold fails the test unless an entry tells of each deletion.
func wantTold(t *testing.T, tr *sealtest.Trail, days ...int) {
	t.Helper()
	var told []string
	for _, e := range tr.Store.AuditEntry.Query().AllX(t.Context()) {
		if before, ok := strings.CutPrefix(e.Detail, "archived audit entries are deleted that are from before "); ok && e.EventType == string(audit.Bootstrap) {
			told = append(told, before)
		}
	}
	var want []string
	for _, n := range days {
		want = append(want, time.Now().UTC().AddDate(0, 0, -n).Format(time.DateOnly))
	}
	slices.Sort(told)
	slices.Sort(want)
	if fmt.Sprint(told) != fmt.Sprint(want) {
		t.Errorf("entries tell of %v, want %v", told, want)
	}
}

// wantExports fails the test unless an export has what is left, and says how many are archived, and with their files has all.
func wantExports(t *testing.T, tr *sealtest.Trail, archived int64, files ...string) {
	t.Helper()
	var lines, all bytes.Buffer
	keys, left := sealtest.KeysOf(t, tr.Key), int64(len(tr.IDs(t)))
	n, gone, err := export.Lines(t.Context(), tr.Store, keys, time.Time{}, &lines)
	if err != nil || gone != archived || n != int64(bytes.Count(lines.Bytes(), []byte("\n"))) || n != left {
		t.Errorf("exported %d, archived %d, %v; want %d and %d", n, gone, err, left, archived)
	}
	if _, gone, err := export.Lines(t.Context(), tr.Store, keys, time.Now().Add(-10*sealtest.Day), &lines); gone != 0 || err != nil {
		t.Errorf("of ten days: %d archived, %v", gone, err)
	}
	n, gone, err = export.Lines(t.Context(), tr.Store, keys, time.Now().Add(-90*sealtest.Day), &all, files...)
	if err != nil || gone != 0 || n != left+5 {
		t.Errorf("of 90 days, with archives: exported %d, archived %d, %v; want %d", n, gone, err, left+5)
	}
	if _, err := export.Tiles(t.Context(), tr.Store, keys, filepath.Join(t.TempDir(), "log")); err == nil || !strings.Contains(err.Error(), "archives alone") {
		t.Errorf("of the whole log: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "log")
	if n, err := export.Tiles(t.Context(), tr.Store, keys, dir, files...); n != left+archived || err != nil {
		t.Fatalf("of the whole log, with archives: %d, %v", n, err)
	}
	sealtest.CheckTiles(t, dir, tr.Key.Public(), int(left+archived))
	if err := os.Truncate(files[0], 700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := export.Lines(t.Context(), tr.Store, keys, time.Time{}, &all, files...); err == nil || !strings.Contains(err.Error(), "ends before it") {
		t.Errorf("with a truncated archive: %v", err)
	}
}

// TestDeleteArchived_Forged: a server deletes nothing for a record that the log's key has not signed.
func TestDeleteArchived_Forged(t *testing.T) {
	sealtest.Each(t, func(t *testing.T, tr *sealtest.Trail) {
		tr.WriteOld(t, 4, time.Now().Add(-100*sealtest.Day))
		tr.Seal(t)
		tr.Archive(t)
		other := sealtest.NewKey(t)
		n, err := archive.NewDeleter(tr.Store, tr.Log, other.Verifiers()).Delete(t.Context(), time.Now().Add(-90*sealtest.Day), 1000)
		if n != 0 || err == nil || !strings.Contains(err.Error(), "not signed by a known key") {
			t.Errorf("deleted %d, %v", n, err)
		}
		n, err = archive.NewDeleter(tr.Store, tr.Log, sealtest.NewKey(t, tr.Key).Verifiers()).Delete(t.Context(), time.Now().UTC().Truncate(sealtest.Day).Add(-90*sealtest.Day), 1000)
		if n != 4 || err != nil {
			t.Errorf("with a later key: deleted %d, %v", n, err)
		}
	})
}
